"""The API reference: who sees what on it, and the key that it makes for one hour."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.organizations.models import ApiKey, AuditEvent
from dashboard.organizations.roles import Role, Scope
from dashboard.organizations.services.keys import mint_api_key
from tests.conftest import Cast, log_in

PAGE = "/v1/docs"
MAKES, PASTES = "Use a key for one hour", "Use this key"


def trial(cast: Cast) -> str:
    return f"/o/{cast.organization.org_id}/keys/trial/"


@pytest.mark.parametrize(("role", "makes"), [(role, role in (Role.ADMINISTRATOR, Role.DEVELOPER)) for role in Role])
def test_roles_that_may_have_keys_make_one_and_others_paste(cast: Cast, role: Role, makes: bool) -> None:
    page = log_in(cast.members[role].user).get(PAGE).content.decode()
    assert (MAKES in page, PASTES in page) == (makes, True)
    assert cast.organization.name in page


def test_a_stranger_reads_it_and_is_led_to_the_log_in(db: None) -> None:
    page = Client().get(PAGE).content.decode()
    assert PASTES in page
    assert MAKES not in page
    assert f"/account/login/?next={PAGE}" in page


def test_the_organization_of_the_query_is_the_one_shown(cast: Cast) -> None:
    outsider = log_in(cast.outsider.user)
    assert outsider.get(PAGE, {"organization": cast.outsider.organization.org_id}).status_code == 200
    assert outsider.get(PAGE, {"organization": cast.organization.org_id}).status_code == 404


def test_a_key_of_the_chosen_scope_lives_for_an_hour_and_is_in_the_log(cast: Cast) -> None:
    response = log_in(cast.developer.user).post(trial(cast), {"scope": "read"})
    key = ApiKey.objects.get(organization=cast.organization)
    assert (key.name, key.scope, key.created_by) == ("API docs", Scope.READ, cast.developer.user)
    assert key.expires_at
    assert timedelta(minutes=59) < key.expires_at - timezone.now() <= timedelta(hours=1)
    assert response["Cache-Control"] == "no-store"
    secret = response.context["secret"]
    assert f'data-trial-key="{secret}"' in response.content.decode()
    assert Client().get("/v1/credits", headers={"x-key": secret}).status_code == 200
    assert AuditEvent.objects.filter(organization=cast.organization, api_key=None, subject=str(key)).count() == 1


def test_the_next_one_takes_its_place_and_leaves_others_alone(cast: Cast) -> None:
    program, _ = mint_api_key(cast.organization, "API docs", created_by=None)
    own, _ = mint_api_key(cast.organization, "API docs", created_by=cast.developer.user)
    colleague = log_in(cast.owner.user).post(trial(cast), {"scope": "read"}).context["key"]
    developer = log_in(cast.developer.user)
    first, second = (developer.post(trial(cast), {"scope": "read"}).context["key"] for _ in range(2))
    assert set(ApiKey.objects.live()) == {program, own, colleague, second}
    assert first.pk != second.pk


def test_an_unknown_scope_is_refused_at_its_field(cast: Cast) -> None:
    response = log_in(cast.developer.user).post(trial(cast), {"scope": "root"})
    assert (response.status_code, response.context["form"].errors.keys()) == (422, {"scope"})
    assert not ApiKey.objects.exists()


def test_a_post_from_elsewhere_makes_no_key(cast: Cast) -> None:
    client = log_in(cast.developer.user, Client(enforce_csrf_checks=True))
    assert client.post(trial(cast), {"scope": "read"}).status_code == 403
    assert not ApiKey.objects.exists()


def test_the_page_loads_nothing_from_elsewhere_and_holds_no_script_of_its_own(cast: Cast) -> None:
    response = log_in(cast.developer.user).get(PAGE)
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "https://" not in response.content.decode().replace("https://www.w3.org", "")
