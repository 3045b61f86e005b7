"""The operators' pages of every model, and those of the catalog in particular."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.billing.models import Account, LedgerEntry
from dashboard.organizations.events import Action
from dashboard.organizations.models import ApiKey, AuditEvent, Membership, Organization, User
from dashboard.organizations.services.keys import mint_api_key
from finetunes.models import Checkpoint, Finetune, Grant, Upload, Use
from finetunes.services import trash
from finetunes.uploads import staging
from tests.conftest import Cast, log_in
from tests.factories import (
    PASSWORD,
    lora_bytes,
    make_finetune,
    make_member,
    make_organization,
    make_upload,
    upload_finetune,
)

MODELS: list[type[Model]] = [
    User, Organization, Membership, ApiKey, Account, LedgerEntry, Finetune, Grant, Checkpoint, Upload,
]  # fmt: skip


@pytest.fixture
def operator(db: None) -> Client:
    return log_in(User.objects.create_superuser("operator@example.com", PASSWORD))


@pytest.fixture
def key(cast: Cast) -> ApiKey:
    return mint_api_key(cast.organization, "ci", created_by=cast.owner.user)[0]


@pytest.fixture
def upload(cast: Cast) -> Upload:
    return make_upload(cast.organization, lora_bytes("admin"), "<ink>.safetensors")


def url_of(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def act(client: Client, model: type[Model], action: str, *rows: Model, **answers: str) -> Any:
    data: dict[str, Any] = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(url_of(model, "changelist"), data | answers, follow=True)


@pytest.mark.parametrize("model", MODELS)
def test_every_page_opens_and_none_shows_a_digest(
    cast: Cast, operator: Client, key: ApiKey, upload: Upload, model: type[Model]
) -> None:
    row = model._default_manager.all()[0]
    pages = [
        url_of(model, "changelist"),
        url_of(model, "changelist") + "?q=a",
        url_of(model, "change", row.pk),
        url_of(model, "history", row.pk),
    ]
    model_admin = admin.site.get_model_admin(model)
    request = operator.get(reverse("admin:index")).wsgi_request
    if model_admin.has_add_permission(request):
        pages.append(url_of(model, "add"))
    for url in pages:
        response = operator.get(url)
        assert response.status_code == 200, url
        assert key.digest not in response.content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_list_takes_as_many_queries_for_many_rows_as_for_few(
    cast: Cast, operator: Client, key: ApiKey, upload: Upload, model: type[Model]
) -> None:
    url = url_of(model, "changelist")
    operator.get(url)
    with CaptureQueriesContext(
        connection,
    ) as few:
        operator.get(url)
    rows = model._default_manager.count()
    for _ in range(3):
        organization = make_organization()
        member = make_member(organization)
        make_finetune(organization, granted_to=cast.recipient.organization)
        mint_api_key(organization, "ci", created_by=member.user)
        make_upload(organization, lora_bytes("admin"))
    assert model._default_manager.count() >= rows + 3
    with CaptureQueriesContext(connection) as many:
        operator.get(url)
    assert len(many) == len(few)


def test_official_is_published_and_withdrawn(cast: Cast, operator: Client) -> None:
    assert "is official" in messages_of(act(operator, Finetune, "publish", cast.finetune))[0]
    cast.finetune.refresh_from_db()
    assert cast.finetune.is_official
    assert "was official before" in messages_of(act(operator, Finetune, "publish", cast.finetune))[0]
    assert "no more" in messages_of(act(operator, Finetune, "withdraw", cast.finetune))[0]
    cast.finetune.refresh_from_db()
    assert not cast.finetune.is_official
    assert "was not official" in messages_of(act(operator, Finetune, "withdraw", cast.finetune))[0]


def test_finetune_is_not_added_by_hand(operator: Client) -> None:
    assert operator.get(url_of(Finetune, "add")).status_code == 403


def change(client: Client, finetune: Finetune, **changes: str) -> Any:
    data = {
        "name": finetune.name,
        "base_model": finetune.base_model,
        "precision": finetune.precision,
        "trigger_phrase": finetune.trigger_phrase,
        "grants-TOTAL_FORMS": "0",
        "grants-INITIAL_FORMS": "0",
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
    }
    return client.post(url_of(Finetune, "change", finetune.pk), data | changes)


def test_finetune_is_corrected(cast: Cast, operator: Client) -> None:
    response = change(operator, cast.finetune, base_model="flux-2-klein-9b-kv", precision="bf16")
    assert response.status_code == 302
    cast.finetune.refresh_from_db()
    assert cast.finetune.endpoint.name == "flux-2-klein-9b-kv-bf16-finetuned"
    told = AuditEvent.objects.get(organization=cast.organization, action=Action.FINETUNE_EDITED)
    assert (told.actor, told.details) == ("Operator", {"changed": "base model, precision"})


def test_what_lies_in_the_trash_is_not_corrected(cast: Cast, operator: Client) -> None:
    assert trash.discard(cast.finetune, by=None)
    assert change(operator, cast.finetune, trigger_phrase="ohwx").status_code == 403
    cast.finetune.refresh_from_db()
    assert cast.finetune.trigger_phrase == "TOK"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"precision": "bf16"}, "precision"), ({"name": "velvet-noir"}, "name"), ({"name": "Ink"}, "name")],
)
def test_wrong_correction_is_refused_at_its_field(
    cast: Cast, operator: Client, changes: dict[str, str], field: str
) -> None:
    response = change(operator, cast.finetune, **changes)
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [field]


@pytest.mark.parametrize("by_action", [True, False])
def test_deleting_a_finetune_takes_grants_and_checkpoint_along(
    cast: Cast,
    operator: Client,
    by_action: bool,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    assert cast.granted.checkpoint
    checkpoint = str(cast.granted.checkpoint.file.name)
    assert default_storage.exists(checkpoint)
    with django_capture_on_commit_callbacks(execute=True):
        if by_action:
            act(operator, Finetune, "delete_selected", cast.granted, post="yes")
        else:
            operator.post(url_of(Finetune, "delete", cast.granted.pk), {"post": "yes"})
    assert not Finetune.objects.filter(name="velvet-noir").exists()
    assert not Grant.objects.exists()
    assert not default_storage.exists(checkpoint)


def test_page_that_asks_before_a_finetune_goes_reads_none_of_its_uses(cast: Cast, operator: Client) -> None:
    callers, (version,) = (cast.organization, cast.recipient.organization), cast.granted.versions.all()
    Upload.objects.create(organization=cast.organization, length=1, version=version, expires_at=timezone.now())
    for number in range(40):
        day = timezone.now().date() - timedelta(days=number)
        Use.objects.bulk_create(
            Use(finetune=cast.granted, organization=caller, day=day, strength=10) for caller in callers
        )
    with CaptureQueriesContext(connection) as statements:
        page = operator.get(url_of(Finetune, "delete", cast.granted.pk)).content.decode()
    assert f"{cast.granted}" in page
    assert len(statements) < 12
    assert not [each for each in statements if "finetunes_use" in each["sql"]]
    act(operator, Finetune, "delete_selected", cast.granted, post="yes")
    assert not Finetune.objects.filter(pk=cast.granted.pk).exists()


def test_who_may_not_delete_is_told_so(cast: Cast) -> None:
    reader = User.objects.create_user("reader@example.com", PASSWORD, is_staff=True)
    reader.user_permissions.add(*Permission.objects.filter(codename__in=["view_finetune", "change_finetune"]))
    assert log_in(reader).post(url_of(Finetune, "delete", cast.finetune.pk), {"post": "yes"}).status_code == 403
    act(log_in(reader), Finetune, "delete_selected", cast.finetune, post="yes")
    assert Finetune.objects.filter(pk=cast.finetune.pk).exists()


def test_grant_of_what_lies_in_the_trash_keeps_its_limits(cast: Cast, operator: Client) -> None:
    grant = cast.granted.grants.get()
    trash.discard(cast.granted, by=None)
    assert operator.get(url_of(Grant, "change", grant.pk)).status_code == 200
    assert operator.post(url_of(Grant, "change", grant.pk), {"monthly_cap": 5}).status_code == 403
    assert cast.granted.grants.get().monthly_cap is None


def test_grant_is_given_by_an_operator(cast: Cast, operator: Client) -> None:
    limits = {"expires_at_0": "2400-01-31", "expires_at_1": "12:00:00", "monthly_cap": 20}
    data = {"finetune": cast.finetune.pk, "organization": cast.outsider.organization.pk, **limits}
    assert operator.post(url_of(Grant, "add"), data).status_code == 302
    grant = cast.finetune.grants.get()
    assert grant.organization == cast.outsider.organization
    assert (grant.expires_at, grant.monthly_cap) == (datetime(2400, 1, 31, 12, tzinfo=UTC), 20)
    assert grant.granted_by == User.objects.get(email="operator@example.com")


def test_grant_to_the_owner_is_refused_at_its_field(cast: Cast, operator: Client) -> None:
    data = {"finetune": cast.finetune.pk, "organization": cast.organization.pk}
    response = operator.post(url_of(Grant, "add"), data)
    assert list(response.context["adminform"].form.errors) == ["organization"]
    assert not cast.finetune.grants.exists()


def test_grant_gets_other_limits_and_is_never_turned_into_another(cast: Cast, operator: Client) -> None:
    grant = cast.granted.grants.get()
    data = {"finetune": cast.finetune.pk, "organization": cast.outsider.organization.pk, "monthly_cap": 5}
    assert operator.post(url_of(Grant, "change", grant.pk), data).status_code == 302
    grant.refresh_from_db()
    assert (grant.finetune, grant.organization) == (cast.granted, cast.recipient.organization)
    assert grant.monthly_cap == 5
    assert AuditEvent.objects.of(cast.organization).filter(action=Action.GRANT_CHANGED).count() == 1


def test_limits_that_are_none_are_told_to_operators_at_their_field(cast: Cast, operator: Client) -> None:
    grant = cast.granted.grants.get()
    data = {"expires_at_0": "2001-01-31", "expires_at_1": "12:00:00"}
    response = operator.post(url_of(Grant, "change", grant.pk), data)
    assert list(response.context["adminform"].form.errors) == ["expires_at"]


# --- Checkpoints, versions, uploads ------------------------------------------------------------------------


def test_base_model_that_the_current_checkpoint_contradicts_is_refused_at_its_field(
    cast: Cast, operator: Client
) -> None:
    finetune = upload_finetune(cast.organization, "linocut", lora_bytes())
    errors = change(operator, finetune, base_model="flux-2-klein-9b").context["adminform"].form.errors
    assert list(errors) == ["base_model"]
    assert "made for FLUX.2 [klein] 4B or FLUX.2 [klein] Base 4B, not for FLUX.2 [klein] 9B." in str(errors)
    assert change(operator, finetune, base_model="flux-2-klein-base-4b").status_code == 302


def test_versions_are_shown_and_not_to_be_changed(cast: Cast, operator: Client) -> None:
    version = cast.finetune.versions.get()
    page = operator.get(url_of(Finetune, "change", cast.finetune.pk)).content.decode()
    assert str(version.checkpoint) in page
    assert 'name="versions-0-number"' not in page


@pytest.mark.parametrize("model", [Checkpoint, Upload])
def test_what_services_make_and_end_is_for_reading(
    cast: Cast, operator: Client, upload: Upload, model: type[Model]
) -> None:
    row = model._default_manager.all()[0]
    assert operator.get(url_of(model, "add")).status_code == 403
    assert operator.post(url_of(model, "change", row.pk), {}).status_code == 403
    assert operator.post(url_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in operator.get(url_of(model, "changelist")).content.decode()


def test_upload_is_cancelled_once_by_an_operator(cast: Cast, operator: Client, upload: Upload) -> None:
    assert "&lt;ink&gt;.safetensors" in operator.get(url_of(Upload, "changelist")).content.decode()
    assert messages_of(act(operator, Upload, "cancel", upload)) == ["The upload of <ink>.safetensors is cancelled."]
    assert not Upload.objects.exists()
    assert not staging.path_for(upload.pk).exists()
    assert LogEntry.objects.get().get_change_message() == "Cancelled."


def test_storage_quota_is_given_by_an_operator(cast: Cast, operator: Client) -> None:
    url = url_of(Organization, "change", cast.organization.pk)
    rows = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert operator.post(url, {"name": "Atelier", "storage_quota_bytes": "-1", **rows}).status_code == 200
    assert operator.post(url, {"name": "Atelier", "storage_quota_bytes": "5000", **rows}).status_code == 302
    cast.organization.refresh_from_db()
    assert cast.organization.storage_quota_bytes == 5000
