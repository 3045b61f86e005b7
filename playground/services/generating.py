"""The command that the Playground and the API share: generate, one image or many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.utils import timezone

from dashboard.bfl.endpoints import Endpoint, endpoints_for
from dashboard.bfl.inputs import Inputs
from dashboard.billing import services as billing
from dashboard.lib.errors import DashboardError
from dashboard.organizations.models import ApiKey, Organization, User
from finetunes.access import resolve_finetune
from finetunes.models import Finetune
from finetunes.services import uses
from finetunes.services.upstream import check_callable
from finetunes.upstream import upstream_id_of
from playground import tasks
from playground.inputs import InvalidFieldsError, cost_of, keep, strength_of
from playground.models import Generation, Grid
from playground.references import stored
from playground.references.stored import Reference
from playground.services.limits import check_active
from playground.steps import Kind, Step
from playground.webhooks import asking

REFERENCE_GONE = "A reference image is no longer here. Remove it, or lay it in again."


@dataclass(frozen=True)
class Job:
    """What one image is made from, and its place where it is a cell of a grid.

    `references` are images that are here already; they come in the place of those that the inputs hold. `event` names
    the generation that it becomes, where it may be asked for again.
    """

    inputs: Inputs
    references: Sequence[Reference] = ()
    row: int | None = None
    column: int | None = None
    event: UUID | None = None


class WrongEndpointError(DashboardError):
    """The finetune is served by another endpoint than the one called: BFL says that this fails, and not how.

    Here it is 400, with the paths to call instead.
    """

    code = "wrong_endpoint"
    status = 400


def generate(
    caller: Organization,
    endpoint: Endpoint,
    inputs: Inputs,
    *,
    user: User | None = None,
    api_key: ApiKey | None = None,
    event: UUID | None = None,
) -> Generation:
    """Holds the price and queues one generation; the caller is billed, whoever owns the finetune.

    Raises NotFoundError for a finetune that the caller may not use, WrongEndpointError, UpstreamNameError for one whose
    name upstream is not its owner's, InvalidFieldsError for a reference image or a webhook that is none,
    BusyError where too many fetch reference images, InsufficientCreditsError, TooManyTasksError, CapReachedError where
    the grant's images of the month are used up. After any of them nothing is held, counted, kept or queued.
    """
    [generation] = generate_all(caller, endpoint, [Job(inputs, event=event)], user=user, api_key=api_key)
    return generation


def generate_all(
    caller: Organization,
    endpoint: Endpoint,
    jobs: Sequence[Job],
    *,
    user: User | None = None,
    api_key: ApiKey | None = None,
    grid: Grid | None = None,
) -> list[Generation]:
    """The same for one or more with one finetune, all or none; saves the `grid` that they are to fill, if it is new.

    Where generations of the jobs' events are here already, they are the answer. Raises what `generate` raises.
    """
    if made := _made_before(jobs):
        return made
    first = jobs[0].inputs
    asking.check(job.inputs for job in jobs)
    finetune = _finetune_for(caller, endpoint, first)
    generations: list[Generation] = []
    try:
        for job in jobs:
            generation = _build(caller, endpoint, job, finetune)
            generation.user, generation.api_key = user, api_key
            generation.grid, generation.row, generation.column = grid, job.row, job.column
            generations.append(generation)
        _admit(generations, jobs, grid)
    except Exception as error:
        for generation in generations:
            stored.remove(generation.references)
        # By another worker in this moment, which may have taken the last credits or the last place as well.
        if isinstance(error, IntegrityError | DashboardError) and (made := _made_before(jobs)):
            return made
        if isinstance(error, IntegrityError):
            _finetune_for(caller, endpoint, first)  # says so if it was deleted meanwhile
        raise
    return generations


def _made_before(jobs: Sequence[Job]) -> list[Generation]:
    """The jobs' generations, in their order; all or none, as one transaction makes them."""
    events = [job.event for job in jobs if job.event]
    found = Generation.objects.in_bulk(events) if events else {}
    return [found[event] for event in events if event in found]


def _finetune_for(caller: Organization, endpoint: Endpoint, inputs: Inputs) -> Finetune | None:
    finetune_id = getattr(inputs, "finetune_id", None)
    if finetune_id is None:
        return None
    finetune = resolve_finetune(caller, finetune_id)
    if not endpoint.serves(finetune.base_model, finetune.precision):
        made_for = " in ".join(filter(None, [finetune.get_base_model_display(), finetune.precision_label]))
        paths = " or ".join(each.path for each in endpoints_for(finetune.base_model, finetune.precision))
        raise WrongEndpointError(f"{finetune_id} is made for {made_for}: call {paths} with it.", field="finetune_id")
    check_callable(finetune)
    return finetune


def _build(caller: Organization, endpoint: Endpoint, job: Job, finetune: Finetune | None) -> Generation:
    event, inputs = job.event or uuid4(), job.inputs
    kept = _keep_references(event, job)
    first = kept[0].get("size") if kept else None
    width, height = inputs.size_after(first)
    version = finetune.current_version if finetune else None
    return Generation(
        id=event,
        organization=caller,
        finetune=finetune,
        finetune_id_sent=finetune.id_for(caller) if finetune else "",
        upstream_finetune_id=upstream_id_of(finetune) if finetune else "",
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


def _keep_references(event: UUID, job: Job) -> list[Reference]:
    if not job.references:
        return stored.store(event, job.inputs.images, job.inputs.seen)
    try:
        return stored.copy(event, job.inputs.image_fields, job.references)
    except FileNotFoundError:
        raise InvalidFieldsError({"references": REFERENCE_GONE}) from None


@transaction.atomic
def _admit(generations: Sequence[Generation], jobs: Sequence[Job], grid: Grid | None) -> None:
    finetune = generations[0].finetune
    if finetune:
        uses.hold(finetune.pk)
    if grid and grid._state.adding:
        grid.save(force_insert=True)
    for generation in generations:
        billing.hold(generation.organization, generation.cost, generation.id)
    # Behind the holds: their lock on the account lets one request of a caller count at a time.
    check_active(generations)
    for generation, job in zip(generations, jobs, strict=True):
        generation.save(force_insert=True)
        asking.ask(generation, job.inputs)
        if finetune:
            strength = strength_of(generation.inputs)
            uses.take(finetune, generation.organization, strength, generation.created_at)
    steps = [Step(Kind.SUBMIT, generation.due_at, generation.id) for generation in generations]
    # Robust: with the broker away the generations stand, and the sweeper submits them. (Django logs what failed by
    # its name, which a partial has not.)
    transaction.on_commit(lambda: tasks.enqueue(steps), robust=True)
