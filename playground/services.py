"""The command that the Playground and the API share: generate."""

from uuid import uuid4

from django.db import IntegrityError, transaction
from django.utils import timezone

from dashboard.bfl.endpoints import Endpoint
from dashboard.bfl.schemas import Inputs
from dashboard.billing import services as billing
from dashboard.lib.errors import DashboardError
from dashboard.organizations.models import ApiKey, Organization, User
from finetunes.access import resolve_finetune
from finetunes.models import Finetune
from playground import references, tasks
from playground.inputs import InvalidFieldsError, cost_of, keep, size_of
from playground.models import Generation
from playground.workflow import Kind, Step

NO_WEBHOOKS = "This server does not send webhooks yet; leave webhook_url out and poll"


class WrongEndpointError(DashboardError):
    """The finetune is served by another endpoint than the one called."""

    code = "wrong_endpoint"
    status = 400


def generate(
    caller: Organization,
    endpoint: Endpoint,
    inputs: Inputs,
    *,
    user: User | None = None,
    api_key: ApiKey | None = None,
) -> Generation:
    """Holds the price and queues one generation; the caller is billed, whoever owns the finetune.

    Raises NotFoundError for a finetune that the caller may not use, WrongEndpointError, InvalidFieldsError for a
    reference image that is none, InsufficientCreditsError. After any of them nothing is held, kept or queued.
    """
    if inputs.webhook_url:
        raise InvalidFieldsError({"webhook_url": NO_WEBHOOKS})
    finetune = _finetune_for(caller, endpoint, inputs)
    generation = _build(caller, endpoint, inputs, finetune)
    generation.user, generation.api_key = user, api_key
    try:
        _admit(generation)
    except Exception as error:
        references.remove(generation.references)
        if isinstance(error, IntegrityError):
            _finetune_for(caller, endpoint, inputs)  # says so if it was deleted meanwhile
        raise
    return generation


def _finetune_for(caller: Organization, endpoint: Endpoint, inputs: Inputs) -> Finetune | None:
    finetune_id = getattr(inputs, "finetune_id", None)
    if finetune_id is None:
        return None
    finetune = resolve_finetune(caller, finetune_id)
    if finetune.endpoint != endpoint:
        raise WrongEndpointError(
            f"{finetune_id} is made for {finetune.get_base_model_display()} in {finetune.get_precision_display()}: "
            f"call {finetune.endpoint.path} with it.",
            field="finetune_id",
        )
    return finetune


def _build(caller: Organization, endpoint: Endpoint, inputs: Inputs, finetune: Finetune | None) -> Generation:
    event = uuid4()
    kept = references.store(event, inputs.images)
    first = kept[0].get("size") if kept else None
    width, height = size_of(inputs, first)
    version = finetune.current_version if finetune else None
    return Generation(
        id=event,
        organization=caller,
        finetune=finetune,
        finetune_id_sent=finetune.id_for(caller) if finetune else "",
        upstream_finetune_id=finetune.name if finetune else "",
        finetune_version=version.number if version else None,
        checkpoint_sha256=version.checkpoint.sha256 if version else "",
        endpoint_name=endpoint.name,
        inputs=keep(inputs),
        references=kept,
        width=width,
        height=height,
        cost=cost_of(endpoint, (width, height), len(kept)),
        due_at=timezone.now(),
    )


@transaction.atomic
def _admit(generation: Generation) -> None:
    billing.hold(generation.organization, generation.cost, generation.id)
    generation.save(force_insert=True)
    step = Step(Kind.SUBMIT, generation.due_at, generation.id)
    # Robust: with the broker away the generation stands, and the sweeper submits it. (Django logs what failed by
    # its name, which a partial has not.)
    transaction.on_commit(lambda: tasks.enqueue([step]), robust=True)
