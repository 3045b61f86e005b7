"""Get started: each role sees what it may do, and the commands are those of the README."""

import json
import shlex

import pytest
from django.urls import reverse
from pytest_django.fixtures import Settings

from dashboard.organizations.models import Membership, Organization
from dashboard.organizations.roles import Role
from finetunes.models import Finetune
from finetunes.snippets import curl_snippet
from tests.conftest import Cast, log_in
from tests.factories import make_finetune, make_member, make_organization
from tests.test_readme_example import example


def page_of(member: Membership) -> str:
    response = log_in(member.user).get(reverse("get-started", args=[member.organization.org_id]))
    assert response.status_code == 200
    return response.content.decode()


STEPS = ("Create API key", "ask one for a key", 'id="snippet"', "Open the Playground", "Open the catalog")
SEEN = {
    Role.ADMINISTRATOR: {0, 2, 3},
    Role.DEVELOPER: {0, 2, 3},
    Role.CREATOR: {1, 2, 3},
    Role.BILLING_MANAGER: {4},
    Role.VIEWER: {4},
}


@pytest.mark.parametrize("role", Role)
def test_role_sees_what_it_may_do(cast: Cast, role: Role) -> None:
    page = page_of(cast.members[role])
    assert {number for number, words in enumerate(STEPS) if words in page} == SEEN[role]


def test_commands_name_this_server_and_the_organizations_own_finetune(cast: Cast, settings: Settings) -> None:
    settings.BASE_URL = "https://dashboard.example.com"
    page = page_of(cast.owner)
    assert "export BFL_API=https://dashboard.example.com\n" in page
    assert "&quot;finetune_id&quot;: &quot;ink-portrait&quot;" in page


def test_shared_finetune_stands_in_where_there_is_no_own_one(cast: Cast) -> None:
    shared = f"{cast.organization.org_id}/velvet-noir"
    assert f"&quot;finetune_id&quot;: &quot;{shared}&quot;" in page_of(cast.recipient)


def test_without_a_finetune_the_page_tells_who_adds_one(cast: Cast) -> None:
    page = page_of(cast.outsider)
    assert reverse("finetune-add", args=[cast.outsider.organization.org_id]) in page
    assert 'id="snippet"' not in page
    creator = make_member(cast.outsider.organization, Role.CREATOR)
    assert "Administrators and Developers of Elsewhere can add one" in page_of(creator)


def test_readme_prints_the_same_commands() -> None:
    finetune = Finetune(name="nordic-light", base_model="flux-2-klein-4b", precision="fp8")
    finetune.trigger_phrase = "nordic light style"
    owner = Organization(pk=1, org_id="atelier")
    finetune.organization = owner
    assert example().lstrip() == curl_snippet(finetune, owner)


@pytest.mark.parametrize("phrase", ["", 'it\'s $HOME `id` "quoted" \\ é !x', "'; exit 1; '"])
def test_any_trigger_phrase_reaches_the_shell_as_it_is(cast: Cast, phrase: str) -> None:
    finetune = make_finetune(make_organization(), "phrased", trigger_phrase=phrase)
    words = shlex.split(curl_snippet(finetune, finetune.organization).split("-d ", 1)[1].split(")\necho", 1)[0])
    assert len(words) == 1
    prompt = json.loads(words[0])["prompt"]
    assert prompt == (f"{phrase}, a harbour at dawn" if phrase else "A harbour at dawn")
