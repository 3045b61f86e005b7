"""Invitations: the e-mail and its link, who may accept, resend and cancel, the limits, and what races do."""

import re
from datetime import timedelta
from functools import partial

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.lib.errors import DashboardError, InvalidInputError
from dashboard.organizations.events import Action
from dashboard.organizations.models import AuditEvent, Invitation, Membership
from dashboard.organizations.roles import DESCRIPTIONS, Role
from dashboard.organizations.services import invitations
from dashboard.organizations.services.invitations import MAILS_AN_ADDRESS, MAILS_AN_HOUR, accept, cancel, invite, resend
from tests.conftest import Cast, log_in
from tests.factories import make_member, make_organization, make_user
from tests.organizations.racing import at_once

ADDRESS = "new.person@example.com"
CONSOLE = "django.core.mail.backends.console.EmailBackend"
LINK = re.compile(r"https?://\S+(/invitation/\S+/)")


def url_of(cast: Cast, name: str, *args: int) -> str:
    return reverse(name, args=[cast.organization.org_id, *args])


def send(cast: Cast, email: str = ADDRESS, role: str = "creator", client: Client | None = None) -> Invitation:
    client = client or log_in(cast.owner.user)
    assert client.post(url_of(cast, "invite"), {"email": email, "role": role}).status_code == 302
    return Invitation.objects.get(email=email.lower(), accepted_at=None, cancelled_at=None)


def link(index: int = -1) -> str:
    """The path of the link in an e-mail that was sent."""
    found = LINK.search(str(mail.outbox[index].body))
    assert found
    return found[1]


def said(client: Client, url: str) -> str:
    return client.get(url).content.decode()


# --- The e-mail --------------------------------------------------------------------------------------------


def test_the_email_says_who_where_as_what_and_until_when(cast: Cast, settings: Settings) -> None:
    settings.BASE_URL = "https://lora.example"
    cast.organization.name = "A & B <Atelier>"
    cast.organization.save()
    invitation = send(cast, "New.Person@Example.com")
    sent = mail.outbox[0]
    assert sent.to == [ADDRESS]
    assert sent.subject == "You are invited to A & B <Atelier> on Finetunes Dashboard"
    body = str(sent.body)
    for words in (cast.owner.user.email, "A & B <Atelier>", "as Creator", DESCRIPTIONS[Role.CREATOR], ADDRESS):
        assert words in body
    assert f"{invitation.expires_at:%H:%M} UTC" in body
    assert "https://lora.example/invitation/" in body
    assert timedelta(days=7) - (invitation.expires_at - timezone.now()) < timedelta(minutes=1)


def test_the_link_stands_in_the_email_alone(cast: Cast) -> None:
    client = log_in(cast.owner.user)
    invitation = send(cast, client=client)
    token = link().split("/")[2]
    assert len(token) >= 43
    page = said(client, url_of(cast, "members"))
    assert ADDRESS in page
    assert token not in page
    assert token not in str(list(Invitation.objects.values())) + str(list(AuditEvent.objects.values()))
    event = AuditEvent.objects.get(action=Action.MEMBER_INVITED)
    assert (event.subject, event.details, event.user) == (ADDRESS, {"role": "creator"}, cast.owner.user)
    assert invitation.invited_by == cast.owner.user


def test_without_a_mail_server_the_page_says_where_emails_go(
    cast: Cast, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_BACKEND = CONSOLE
    client = log_in(cast.owner.user)
    assert "prints its e-mails to its console" in said(client, url_of(cast, "invite"))
    send(cast, client=client)
    assert LINK.search(capsys.readouterr().out)
    page = said(client, url_of(cast, "members"))
    assert "stands in the console of this server" in page
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert "console" not in said(client, url_of(cast, "invite"))


def test_a_mail_server_that_is_away_loses_no_invitation(cast: Cast, settings: Settings) -> None:
    kept, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    client = log_in(cast.owner.user)
    invitation = send(cast, client=client)
    page = said(client, url_of(cast, "members"))
    assert f"The e-mail to {ADDRESS} could not be sent. The invitation is kept: use Resend." in page
    settings.EMAIL_BACKEND = kept
    client.post(url_of(cast, "invitation-resend", invitation.pk))
    assert said(Client(), link()).count(ADDRESS)


# --- Sending, again, and not any more ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "role", "sentence"),
    [
        ("", "viewer", "Enter the e-mail address"),
        ("mira@", "viewer", "This is not an e-mail address"),
        ("mira@example.com", "god", "Choose one of the roles"),
        ("viewer@example.com", "viewer", "viewer@example.com is a member already."),
        ("INVITED@example.com", "viewer", "invited@example.com has an invitation already."),
    ],
)
def test_what_cannot_be_sent_is_refused_at_its_field(cast: Cast, email: str, role: str, sentence: str) -> None:
    invite(cast.organization, "invited@example.com", Role.VIEWER, invited_by=cast.owner.user)
    response = log_in(cast.owner.user).post(url_of(cast, "invite"), {"email": email, "role": role})
    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert f'value="{email}"' in page or not email
    assert len(mail.outbox) == 1


def test_resending_makes_a_new_link_and_kills_the_old_one(cast: Cast) -> None:
    client = log_in(cast.owner.user)
    invitation = send(cast, client=client)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert "Expired" in said(client, url_of(cast, "members"))
    client.post(url_of(cast, "invitation-resend", invitation.pk))
    assert [Client().get(link(index)).status_code for index in (0, 1)] == [404, 200]
    invitation.refresh_from_db()
    assert not invitation.is_expired
    assert AuditEvent.objects.get(action=Action.MEMBER_INVITATION_RESENT).subject == ADDRESS


def test_a_cancelled_invitation_is_dead_and_the_address_free_again(cast: Cast) -> None:
    client = log_in(cast.owner.user)
    invitation = send(cast, client=client)
    client.post(url_of(cast, "invitation-cancel", invitation.pk))
    assert Client().get(link()).status_code == 404
    for name in ("invitation-cancel", "invitation-resend"):
        assert client.post(url_of(cast, name, invitation.pk)).status_code == 404
    assert AuditEvent.objects.filter(action=Action.MEMBER_INVITATION_CANCELLED).count() == 1
    send(cast, client=client)


def test_an_administrator_elsewhere_touches_nothing_here(cast: Cast) -> None:
    invitation = send(cast)
    client, org_id = log_in(cast.outsider.user), cast.outsider.organization.org_id
    for name in ("invitation-cancel", "invitation-resend"):
        assert client.post(reverse(name, args=[org_id, invitation.pk])).status_code == 404
    assert Invitation.objects.open().filter(pk=invitation.pk).exists()
    assert ADDRESS not in said(client, reverse("members", args=[org_id]))


def test_nobody_is_mailed_for_ever(cast: Cast) -> None:
    client = log_in(cast.owner.user)
    invitation = send(cast, client=client)
    for _ in range(MAILS_AN_ADDRESS + 2):
        client.post(url_of(cast, "invitation-resend", invitation.pk))
    assert len(mail.outbox) == MAILS_AN_ADDRESS
    assert "Try again later." in said(client, url_of(cast, "members"))


def test_a_person_sends_so_many_an_hour_however_many_organizations(cast: Cast) -> None:
    other = make_organization()
    for number in range(MAILS_AN_HOUR):
        organization = (cast.organization, other)[number % 2]
        invite(organization, f"p{number}@example.com", Role.VIEWER, invited_by=cast.owner.user)
    with pytest.raises(InvalidInputError, match="Try again in an hour"):
        invite(make_organization(), "one@example.com", Role.VIEWER, invited_by=cast.owner.user)


def test_so_many_are_open_and_no_more(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "OPEN_MOST", 2)
    client = log_in(cast.owner.user)
    for number in range(2):
        send(cast, f"p{number}@example.com", client=client)
    response = client.post(url_of(cast, "invite"), {"email": ADDRESS, "role": "viewer"})
    assert "2 invitations are open" in response.content.decode()


# --- Accepting ---------------------------------------------------------------------------------------------


def test_a_new_person_is_led_to_sign_up_and_back(cast: Cast, settings: Settings) -> None:
    settings.SIGN_UP = "invite-only"
    send(cast)
    client = Client()
    page = said(client, link())
    for words in ("Atelier", "Creator", cast.owner.user.email, f"{reverse('account_signup')}?next=/invitation/"):
        assert words in page
    assert ADDRESS in said(client, reverse("account_signup"))
    settings.SIGN_UP = "closed"
    page = said(client, link())
    assert reverse("account_signup") not in page
    assert "sign-up is closed" in page


def test_who_has_an_account_logs_in_and_accepts(cast: Cast) -> None:
    user = make_user(ADDRESS)
    send(cast)
    assert f"{reverse('account_login')}?next=/invitation/" in said(Client(), link())
    client = log_in(user)
    assert not user.memberships.exists()
    assert "Accept" in said(client, link())
    response = client.post(link())
    assert response["Location"] == reverse("playground", args=[cast.organization.org_id])
    assert user.memberships.get().role == Role.CREATOR
    event = AuditEvent.objects.get(action=Action.MEMBER_JOINED)
    assert (event.user, event.details) == (user, {"role": "creator"})
    assert client.post(link()).status_code == 404
    assert user.memberships.count() == 1


def test_another_person_is_told_whom_it_is_for_and_joins_nothing(cast: Cast) -> None:
    send(cast)
    client = log_in(cast.outsider.user)
    for response in (client.get(link()), client.post(link())):
        page = response.content.decode()
        assert cast.outsider.user.email in page
        assert ADDRESS in page
        assert "Log out" in page
    assert not Membership.objects.filter(user=cast.outsider.user, organization=cast.organization).exists()
    assert Client().post(link()).status_code == 200  # nobody joins without a log-in
    assert Invitation.objects.open().exists()


def test_a_link_is_dead_in_one_way_whatever_killed_it(cast: Cast) -> None:
    client = log_in(cast.owner.user)
    for number in range(3):
        send(cast, f"p{number}@example.com", client=client)
    Invitation.objects.filter(email="p0@example.com").update(expires_at=timezone.now())
    cancel(Invitation.objects.get(email="p1@example.com"))
    dead = [Client().get(path) for path in (link(0), link(1), "/invitation/unknown/")]
    assert {response.status_code for response in dead} == {404}
    pages = {re.sub(r"csrf\S+", "", response.content.decode().split("<main")[1]) for response in dead}
    assert len(pages) == 1
    assert "Ask an Administrator of the organization to send it again" in pages.pop()


def test_who_joined_in_another_way_keeps_the_role_and_the_invitation_ends(cast: Cast) -> None:
    send(cast)
    member = make_member(cast.organization, Role.DEVELOPER, ADDRESS)
    client = log_in(member.user)
    assert "You belong to it already" in said(client, link())
    assert client.post(link()).status_code == 302
    member.refresh_from_db()
    assert member.role == Role.DEVELOPER
    assert not Invitation.objects.open().exists()


def test_the_token_leaves_no_trace_in_caches_or_referrers(cast: Cast) -> None:
    send(cast)
    response = Client().get(link())
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "same-origin"


# --- Races -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_accepting_twice_at_once_joins_once() -> None:
    owner, user = make_member(make_organization()), make_user(ADDRESS)
    made = invite(owner.organization, ADDRESS, Role.VIEWER, invited_by=owner.user).invitation
    answers = at_once(*[partial(accept, made, user)] * 4)
    assert len({answer.pk for answer in answers if isinstance(answer, Membership)}) == 1
    assert user.memberships.count() == 1
    assert AuditEvent.objects.filter(action=Action.MEMBER_JOINED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_accepting_and_cancelling_at_once_is_one_of_the_two() -> None:
    owner, user = make_member(make_organization()), make_user(ADDRESS)
    made = invite(owner.organization, ADDRESS, Role.VIEWER, invited_by=owner.user).invitation
    joined, cancelled = at_once(partial(accept, made, user), partial(cancel, made))
    assert isinstance(joined, Membership) is not cancelled
    assert user.memberships.exists() is not cancelled


@pytest.mark.django_db(transaction=True)
def test_inviting_an_address_twice_at_once_sends_one() -> None:
    owner = make_member(make_organization())
    call = partial(invite, owner.organization, ADDRESS, Role.VIEWER, invited_by=owner.user)
    answers = at_once(call, call, call)
    assert sum(isinstance(answer, DashboardError) for answer in answers) == 2
    assert len(mail.outbox) == 1


def test_resending_what_was_accepted_meanwhile_is_refused(cast: Cast) -> None:
    made = send(cast)
    accept(made, make_user(ADDRESS))
    with pytest.raises(DashboardError, match="not open any more"):
        resend(made, invited_by=cast.owner.user)
