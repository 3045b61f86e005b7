"""What stands in the activity log: each thing once, by whom and from where, and nothing of what was undone."""

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django.fixtures import Settings

from dashboard.billing import services as billing
from dashboard.organizations import actors, audit
from dashboard.organizations.actors import ActorMiddleware
from dashboard.organizations.events import Action
from dashboard.organizations.models import AuditEvent, Organization, User
from dashboard.organizations.services.keys import mint_api_key
from finetunes.models import Grant
from finetunes.services import catalog, grants, versions
from tests.conftest import Cast, log_in
from tests.factories import PASSWORD, lora_bytes, make_upload, make_version, upload_finetune

Told = tuple[str, str, str]


def log_of(organization: Organization, kind: str = "") -> list[Told]:
    """Oldest first: action, actor, subject."""
    events = AuditEvent.objects.of(organization).filter(action__startswith=kind).order_by("pk")
    return list(events.values_list("action", "actor", "subject"))


@pytest.fixture
def operator(db: None) -> Client:
    return log_in(User.objects.create_superuser("operator@example.com", PASSWORD))


# --- Finetunes and grants ----------------------------------------------------------------------------------


def test_a_finetunes_life_is_told(cast: Cast) -> None:
    organization, person = cast.organization, cast.owner.user
    finetune = upload_finetune(organization, "dusk", lora_bytes("one"), created_by=person)
    versions.add_version(finetune, make_upload(organization, lora_bytes("two")), created_by=person)
    first = finetune.versions.get(number=1)
    assert versions.make_current(first)
    assert not versions.make_current(first)
    assert catalog.publish_official(finetune)
    assert not catalog.publish_official(finetune)
    assert catalog.withdraw_official(finetune)
    catalog.delete_finetune(finetune)
    assert log_of(organization, "finetune") == [
        ("finetune.added", person.email, "dusk"),
        ("finetune.replaced", person.email, "dusk"),
        ("finetune.version_used", "Server", "dusk"),
        ("finetune.made_official", "Server", "dusk"),
        ("finetune.withdrawn", "Server", "dusk"),
        ("finetune.deleted", "Server", "dusk"),
    ]
    replaced = AuditEvent.objects.get(action=Action.FINETUNE_REPLACED)
    assert (replaced.user, replaced.details) == (person, {"version": "v2"})


def test_a_refused_finetune_leaves_no_line(cast: Cast) -> None:
    with pytest.raises(Exception, match="named ink-portrait already"):
        upload_finetune(cast.organization, "ink-portrait", lora_bytes())
    assert log_of(cast.organization, "finetune") == []


def test_what_is_undone_leaves_no_line(cast: Cast) -> None:
    with transaction.atomic():
        catalog.publish_official(cast.finetune)
        billing.top_up(cast.organization, 1000, note="undone")
        grants.grant(cast.finetune, cast.outsider.organization.org_id, granted_by=None)
        assert len(log_of(cast.organization)) == 4
        transaction.set_rollback(True)
    assert [told for told in log_of(cast.organization) if told[0] != "credits.topped_up"] == []
    assert log_of(cast.organization).count(("credits.topped_up", "Server", "")) == 1


def test_both_sides_of_a_grant_read_of_it_and_the_other_of_no_person(cast: Cast) -> None:
    atelier, bureau = cast.organization, cast.recipient.organization
    for _ in range(2):  # the second finds it given
        grant = grants.grant(cast.finetune, bureau.org_id, granted_by=cast.owner.user)
    assert grants.revoke(grant)
    assert not grants.revoke(grant)
    owner = cast.owner.user.email
    assert log_of(atelier, "grant") == [
        ("grant.given", owner, "ink-portrait"),
        ("grant.revoked", "Server", "ink-portrait"),
    ]
    assert log_of(bureau, "grant") == [
        ("grant.received", f"Atelier ({atelier.org_id})", f"{atelier.org_id}/ink-portrait"),
        ("grant.lost", f"Atelier ({atelier.org_id})", f"{atelier.org_id}/ink-portrait"),
    ]
    theirs = AuditEvent.objects.of(bureau).filter(action__startswith="grant")
    assert theirs.filter(user=None, api_key=None, ip=None).count() == 2
    given = AuditEvent.objects.get(action=Action.GRANT_GIVEN)
    assert given.details == {"recipient": f"Bureau ({bureau.org_id})"}


def test_who_loses_a_deleted_finetune_reads_of_it(cast: Cast) -> None:
    catalog.delete_finetune(cast.granted)
    assert log_of(cast.recipient.organization, "grant") == [
        ("grant.lost", str(cast.organization), f"{cast.organization.org_id}/velvet-noir")
    ]
    assert log_of(cast.outsider.organization, "grant") == []
    catalog.delete_finetune(cast.granted)
    assert len(log_of(cast.organization, "finetune")) == 1


# --- Who, and from where -----------------------------------------------------------------------------------


def test_a_member_is_named_with_the_address(cast: Cast) -> None:
    make_version(cast.finetune)
    url = reverse("version-use", args=[cast.organization.org_id, cast.finetune.name, 1])
    spoofed = {"X-Forwarded-For": "198.51.100.1"}
    assert log_in(cast.developer.user).post(url, headers=spoofed, REMOTE_ADDR="203.0.113.9").status_code == 302
    event = AuditEvent.objects.get(action=Action.FINETUNE_VERSION_USED)
    assert (event.actor, event.user, event.ip) == (cast.developer.user.email, cast.developer.user, "203.0.113.9")


def test_an_operator_is_neither_named_nor_placed_and_a_member_is(cast: Cast, operator: Client) -> None:
    url = reverse("admin:finetunes_finetune_changelist")
    operator.post(url, {"action": "publish", "_selected_action": [cast.finetune.pk]})
    url = reverse("admin:organizations_organization_changelist")
    top_up = {"action": "top_up", "_selected_action": [cast.organization.pk], "top_up": "1", "amount": "7.5"}
    operator.post(url, {**top_up, "note": "Invoice 7"})
    official = AuditEvent.objects.get(action=Action.FINETUNE_MADE_OFFICIAL)
    credits = AuditEvent.objects.filter(action=Action.CREDITS_TOPPED_UP, organization=cast.organization).first()
    assert credits is not None
    for event in (official, credits):
        assert (event.actor, event.user, event.ip) == ("Operator", None, None)
    assert credits.details == {"amount": "7.5", "reason": "Invoice 7"}


def test_an_operators_grant_and_its_end_are_told(cast: Cast, operator: Client) -> None:
    data = {"finetune": cast.finetune.pk, "organization": cast.recipient.organization.pk}
    assert operator.post(reverse("admin:finetunes_grant_add"), data).status_code == 302
    grant = Grant.objects.get(finetune=cast.finetune)
    assert operator.post(reverse("admin:finetunes_grant_delete", args=[grant.pk]), {"post": "yes"}).status_code == 302
    assert log_of(cast.organization, "grant") == [
        ("grant.given", "Operator", "ink-portrait"),
        ("grant.revoked", "Operator", "ink-portrait"),
    ]


def test_a_program_is_named_by_its_key_and_opens_no_session(cast: Cast) -> None:
    key, secret = mint_api_key(cast.organization, "ci")
    content = lora_bytes("by a program")
    metadata = "name ZHVzaw==,base_model Zmx1eC0yLWtsZWluLTRi"  # dusk, flux-2-klein-4b
    headers = {"x-key": secret, "Tus-Resumable": "1.0.0"}
    client = Client(REMOTE_ADDR="203.0.113.9")
    made = client.post(
        "/v1/uploads", headers={**headers, "Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    )
    sent = client.patch(
        made["Location"], content, content_type="application/offset+octet-stream",
        headers={**headers, "Upload-Offset": "0"},
    )  # fmt: skip
    assert (made.status_code, sent.status_code) == (201, 204)
    event = AuditEvent.objects.get(action=Action.FINETUNE_ADDED)
    assert (event.actor, event.api_key, event.user, event.ip) == (str(key), key, None, "203.0.113.9")
    assert secret not in str(event.__dict__)
    assert not hasattr(sent.wsgi_request, "session")
    assert django_settings.SESSION_COOKIE_NAME not in sent.cookies


@pytest.fixture
def spoofed() -> HttpRequest:
    forwarded = "198.51.100.66, 203.0.113.5, 192.0.2.1"
    return RequestFactory().get("/", headers={"X-Forwarded-For": forwarded}, REMOTE_ADDR="127.0.0.1")


@pytest.mark.parametrize(("proxies", "believed"), [(0, "127.0.0.1"), (1, "192.0.2.1"), (2, "203.0.113.5"), (9, None)])
def test_a_forwarded_address_counts_as_far_as_proxies_are_trusted(
    settings: Settings, spoofed: HttpRequest, proxies: int, believed: str | None
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    assert acting_in(spoofed) == actors.Actor("Server", ip=believed)


@pytest.mark.parametrize(
    ("address", "kept"),
    [("", None), ("nonsense", None), ("fe80::1%eth0", "fe80::1"), ("2001:db8::7", "2001:db8::7")],
)
def test_an_odd_address_is_no_reason_to_fail(address: str, kept: str | None) -> None:
    assert acting_in(RequestFactory().get("/", REMOTE_ADDR=address)).ip == kept


def test_a_request_without_anything_is_the_servers() -> None:
    assert acting_in(HttpRequest()) == actors.Actor("Server") == actors.current()


def acting_in(request: HttpRequest) -> actors.Actor:
    found: list[actors.Actor] = []

    def answer(request: HttpRequest) -> None:
        found.append(actors.current())

    ActorMiddleware(answer)(request)  # type: ignore[arg-type]
    return found[0]


def test_in_somebodys_name_unless_somebody_is_there(cast: Cast) -> None:
    key, _ = mint_api_key(cast.organization, "ci")
    assert actors.on_behalf_of(user=cast.owner.user) == actors.Actor(cast.owner.user.email, user=cast.owner.user)
    assert actors.on_behalf_of(user=cast.owner.user, api_key=key) == actors.Actor(str(key), api_key=key)
    assert actors.on_behalf_of() == actors.Actor("Server")


# --- The log itself ----------------------------------------------------------------------------------------


def test_a_line_outlives_its_person_and_its_key(cast: Cast) -> None:
    key, _ = mint_api_key(cast.organization, "ci")
    by_person = audit.record(cast.organization, Action.MEMBER_LEFT, actor=actors.of_person(cast.viewer.user))
    by_key = audit.record(cast.organization, Action.FINETUNE_ADDED, "x", actor=actors.on_behalf_of(api_key=key))
    name, email = str(key), cast.viewer.user.email
    cast.viewer.user.delete()
    key.delete()
    for event in (by_person, by_key):
        event.refresh_from_db()
    assert (by_person.actor, by_person.user) == (email, None)
    assert (by_key.actor, by_key.api_key) == (name, None)


def test_a_line_is_never_changed_nor_deleted(cast: Cast) -> None:
    event = audit.record(cast.organization, Action.SETTINGS_CREATED)
    rows = AuditEvent.objects.filter(pk=event.pk)
    event.subject = "another"
    for attempt in (event.save, event.delete, rows.delete, lambda: rows.update(subject="another")):
        with pytest.raises(TypeError):
            attempt()


def test_operators_read_the_log_and_no_more(cast: Cast, operator: Client) -> None:
    event = audit.record(cast.organization, Action.SETTINGS_RENAMED, "Atelier 2")
    page = operator.get(reverse("admin:organizations_auditevent_changelist")).content.decode()
    assert "Atelier 2" in page
    url = reverse("admin:organizations_auditevent_change", args=[event.pk])
    assert "Atelier 2" in operator.get(url).content.decode()
    assert operator.post(url, {"subject": "another"}).status_code == 403
    assert operator.get(reverse("admin:organizations_auditevent_add")).status_code == 403
    assert operator.post(reverse("admin:organizations_auditevent_delete", args=[event.pk])).status_code == 403
