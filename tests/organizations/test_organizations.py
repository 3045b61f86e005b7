"""Organizations: who may found how many, the personal one, the settings page, and avatars."""

import io
from functools import partial

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image
from pytest_django import DjangoCaptureOnCommitCallbacks

from dashboard.lib.errors import DashboardError, InvalidInputError
from dashboard.organizations import avatars
from dashboard.organizations.events import Action
from dashboard.organizations.models import AuditEvent, Membership, Organization
from dashboard.organizations.roles import Role
from dashboard.organizations.services.invitations import invite
from dashboard.organizations.services.organizations import (
    FOUNDED_MOST,
    create_organization,
    create_personal,
    personal_name,
    rename_organization,
)
from tests.conftest import Cast, log_in, read_file
from tests.factories import make_user
from tests.organizations.racing import at_once

# --- Founding ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_founder_is_administrator_and_the_log_says_so() -> None:
    user = make_user()
    organization = create_organization("  Atelier \n Nord ", administrator=user)
    assert (organization.name, organization.founder) == ("Atelier Nord", user)
    assert organization.memberships.get().role == Role.ADMINISTRATOR
    event = AuditEvent.objects.get(organization=organization)
    assert (event.action, event.actor, event.subject) == (Action.SETTINGS_CREATED, user.email, "Atelier Nord")


@pytest.mark.django_db
def test_the_eleventh_is_refused_at_its_field_and_what_was_typed_stays() -> None:
    user = make_user()
    client = log_in(user)  # which makes the first
    for number in range(1, FOUNDED_MOST):
        assert client.post(reverse("organization-create"), {"name": f"Number {number}"}).status_code == 302
    response = client.post(reverse("organization-create"), {"name": "One too many"})
    assert response.status_code == 422
    page = response.content.decode()
    assert "You have created 10 organizations" in page
    assert 'value="One too many"' in page
    assert Organization.objects.filter(founder=user).count() == FOUNDED_MOST


@pytest.mark.django_db(transaction=True)
def test_a_race_makes_no_eleventh() -> None:
    user = make_user()
    for number in range(FOUNDED_MOST - 1):
        create_organization(f"Number {number}", administrator=user)
    answers = at_once(*[partial(create_organization, f"Last {n}", administrator=user) for n in range(4)])
    assert sum(isinstance(answer, DashboardError) for answer in answers) == 3
    assert Organization.objects.filter(founder=user).count() == FOUNDED_MOST


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "said"), [("  ", "Give the organization a name."), ("x" * 81, "at most 80")])
def test_a_name_that_is_none_is_refused(name: str, said: str) -> None:
    response = log_in(make_user()).post(reverse("organization-create"), {"name": name})
    assert response.status_code == 422
    assert said in response.content.decode()
    with pytest.raises(InvalidInputError):
        create_organization(name)


# --- The personal one --------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_first_log_in_makes_an_organization_and_the_second_none() -> None:
    user = make_user("mira.holm+lora@example.com")
    for _ in range(2):
        log_in(user)
    member = user.memberships.get()
    assert (member.organization.name, member.role) == ("Mira Holm’s organization", Role.ADMINISTRATOR)
    member.delete()
    log_in(user)
    assert not user.memberships.exists()  # who founded one once is given no other


@pytest.mark.django_db
def test_neither_members_nor_operators_nor_the_invited_get_one(cast: Cast) -> None:
    operator, invited = make_user(is_staff=True), make_user("invited@example.com")
    invite(cast.organization, "Invited@example.com", Role.VIEWER, invited_by=cast.owner.user)
    for user in (cast.viewer.user, operator, invited):
        log_in(user)
    assert not Organization.objects.exclude(founder=None).exists()
    page = log_in(invited).get("/").content.decode()
    assert "An invitation is waiting" in page
    assert reverse("organization-create") in page


@pytest.mark.django_db(transaction=True)
def test_log_ins_at_the_same_time_make_one() -> None:
    user = make_user()
    at_once(*[partial(create_personal, user)] * 4)
    assert Membership.objects.filter(user=user).count() == Organization.objects.filter(founder=user).count() == 1


@pytest.mark.django_db
def test_personal_names_fit_and_are_never_empty() -> None:
    assert personal_name(make_user("_@example.com")) == "_@example.com’s organization"
    assert len(personal_name(make_user(f"{'a' * 64}@example.com", first_name="b" * 100))) == 80


# --- Settings ----------------------------------------------------------------------------------------------


def test_settings_show_the_id_with_a_copy_button_and_change_the_name(cast: Cast) -> None:
    client, url = log_in(cast.owner.user), reverse("organization-settings", args=[cast.organization.org_id])
    assert f'data-copy="{cast.organization.org_id}"' in client.get(url).content.decode()
    assert client.post(url, {"name": "Atelier Süd", "org_id": "mine"}).status_code == 302
    renamed = Organization.objects.get(pk=cast.organization.pk)
    assert (renamed.name, renamed.org_id) == ("Atelier Süd", cast.organization.org_id)
    event = AuditEvent.objects.get(action=Action.SETTINGS_RENAMED)
    assert (event.subject, event.details, event.user) == ("Atelier Süd", {"before": "Atelier"}, cast.owner.user)
    assert not rename_organization(renamed, "Atelier Süd")


def test_a_name_that_is_refused_stays_in_the_field(cast: Cast) -> None:
    url = reverse("organization-settings", args=[cast.organization.org_id])
    response = log_in(cast.owner.user).post(url, {"name": ""})
    assert response.status_code == 422
    assert "Give the organization a name." in response.content.decode()


# --- Avatars -----------------------------------------------------------------------------------------------


def picture(kind: str = "PNG", size: tuple[int, int] = (400, 300), **options: object) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, "#5447d3").save(target, kind, **options)
    return target.getvalue()


def send(client: Client, cast: Cast, content: bytes, name: str = "face.png") -> object:
    url = reverse("organization-avatar-change", args=[cast.organization.org_id])
    return client.post(url, {"avatar": SimpleUploadedFile(name, content)})


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_avatar_is_drawn_anew_and_served_to_members(cast: Cast, kind: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    client = log_in(cast.owner.user)
    send(client, cast, picture(kind, exif=exif))
    url = reverse("organization-avatar", args=[cast.organization.org_id])
    response = log_in(cast.viewer.user).get(url)
    assert (response["Content-Type"], response["X-Content-Type-Options"]) == ("image/webp", "nosniff")
    assert response["Cache-Control"].startswith("private")
    content = read_file(response)
    with Image.open(io.BytesIO(content)) as shown:
        assert (shown.format, shown.size, dict(shown.getexif())) == ("WEBP", (256, 256), {})
    assert b"taken at home" not in content
    name = str(Organization.objects.get(pk=cast.organization.pk).avatar)
    page = client.get(reverse("organization-settings", args=[cast.organization.org_id])).content.decode()
    assert f"{url}?v={name.replace('/', '%2F')}" in page
    assert log_in(cast.outsider.user).get(url).status_code == 404


def test_an_avatar_of_sixteen_bits_a_grey_keeps_its_greys() -> None:
    target = io.BytesIO()
    Image.new("I;16", (300, 300), 0x8000).save(target, "PNG")
    with Image.open(io.BytesIO(avatars.draw(ContentFile(target.getvalue())))) as shown:
        assert abs(shown.convert("L").tobytes()[0] - 0x80) <= 2


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (SVG, "not a whole PNG, JPEG or WebP"),
        (picture("GIF"), "not a whole PNG, JPEG or WebP"),
        (picture("PNG")[:200], "not a whole PNG, JPEG or WebP"),
        (b"", "not a whole PNG, JPEG or WebP"),
        (picture("PNG", (4097, 1)), "4097 × 1 pixels"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * (2 * 2**20), "2 MB is the most"),
    ],
    ids=["svg", "gif", "cut off", "empty", "wide", "heavy"],
)
def test_what_is_no_such_picture_is_refused_at_the_field(cast: Cast, content: bytes, said: str) -> None:
    response = send(log_in(cast.owner.user), cast, content)
    assert response.status_code == 422  # type: ignore[attr-defined]
    assert said in response.content.decode()  # type: ignore[attr-defined]
    assert not Organization.objects.get(pk=cast.organization.pk).avatar


def test_the_file_before_goes_when_the_new_one_is_in_place(
    cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    client, names = log_in(cast.owner.user), []
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            send(client, cast, picture())
        names.append(str(Organization.objects.get(pk=cast.organization.pk).avatar))
    assert [default_storage.exists(name) for name in names] == [False, True]
    url = reverse("organization-avatar-change", args=[cast.organization.org_id])
    with django_capture_on_commit_callbacks(execute=True):
        client.post(url, {"remove": "yes"})
    assert not default_storage.exists(names[1])
    assert client.get(reverse("organization-avatar", args=[cast.organization.org_id])).status_code == 404
    assert AuditEvent.objects.filter(action=Action.SETTINGS_AVATAR_CHANGED).count() == 3
