"""What a finetune is called upstream: set, checked, and never a way to a stranger's finetune."""

import re
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.fixtures import Settings

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.models import AuditEvent, Organization
from dashboard.sandbox.server import Sandbox
from finetunes.models import Finetune, Grant
from finetunes.services.names import rename_finetune
from finetunes.services.upstream import UpstreamNameError, check_callable, set_upstream_name
from playground.models import Generation
from tests.conftest import Cast, log_in
from tests.factories import make_finetune
from tests.playground.conftest import submit_one

HTMX = {"HX-Request": "true"}


@pytest.fixture
def account(settings: Settings) -> Iterator[Sandbox]:
    """The upstream's account, on a server of its own."""
    with Sandbox(seconds=0.05, finetunes=["ink-portrait", "Ink/Portrait_2"], only_known=True) as server:
        settings.UPSTREAM_IS_SANDBOX = False
        settings.BFL_API_URL = server.url
        yield server


def url(name: str, finetune: Finetune, viewer: Organization) -> str:
    return reverse(name, args=[viewer.org_id, finetune.name])


def call(caller: Organization, finetune_id: str) -> Generation:
    return submit_one(caller, finetune_id)


def test_name_is_set_once_written_down_and_asked_for(cast: Cast, account: Sandbox) -> None:
    assert set_upstream_name(cast.finetune, " Ink/Portrait_2 ")
    assert not set_upstream_name(cast.finetune, "Ink/Portrait_2")
    assert AuditEvent.objects.get(action="finetune.edited").details == {"changed": "upstream name"}
    assert call(cast.organization, "ink-portrait").upstream_finetune_id == "Ink/Portrait_2"
    assert set_upstream_name(cast.finetune, "")
    assert call(cast.organization, "ink-portrait").upstream_finetune_id == "ink-portrait"


@pytest.mark.parametrize("name", ["two words", "line\nbreak", "quer?y", "é"])
def test_what_is_no_name_is_refused(cast: Cast, account: Sandbox, name: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        set_upstream_name(cast.finetune, name)
    assert refusal.value.field == "upstream_name"


def test_name_that_another_organization_answers_to_cannot_be_set(cast: Cast, account: Sandbox) -> None:
    strange = make_finetune(cast.outsider.organization, "strange")
    for taken in ("ink-portrait", "said"):
        set_upstream_name(cast.granted, "said")
        with pytest.raises(InvalidInputError, match="Another organization"):
            set_upstream_name(strange, taken)
    strange.refresh_from_db()
    assert strange.upstream_name == ""
    # Its owner may use it for more than one.
    assert set_upstream_name(cast.granted, "ink-portrait")


def test_stranger_of_the_same_name_cannot_generate_with_it(cast: Cast, account: Sandbox) -> None:
    stranger = cast.outsider.organization
    make_finetune(stranger, "ink-portrait")
    assert call(cast.organization, "ink-portrait").upstream_finetune_id == "ink-portrait"
    with pytest.raises(UpstreamNameError) as refusal:
        call(stranger, "ink-portrait")
    assert (refusal.value.status, refusal.value.field) == (409, "finetune_id")
    assert not Generation.objects.filter(organization=stranger).exists()


def test_name_that_was_said_comes_before_one_that_is_alike(cast: Cast, account: Sandbox) -> None:
    """An import takes a name; who is called so by chance, and later or not, has no part in it."""
    claimed = make_finetune(cast.outsider.organization, "theirs")
    Finetune.objects.filter(pk=claimed.pk).update(upstream_name="velvet-noir")
    with pytest.raises(UpstreamNameError):
        check_callable(cast.granted)
    with pytest.raises(InvalidInputError):
        set_upstream_name(cast.finetune, "velvet-noir")
    check_callable(Finetune.objects.get(pk=claimed.pk))


def test_renamed_finetune_takes_no_name_from_whom_has_it(cast: Cast, account: Sandbox) -> None:
    theirs, first = make_finetune(cast.outsider.organization, "noir"), cast.granted
    rename_finetune(first, "noir")
    first.refresh_from_db()
    assert first.upstream_name == "velvet-noir"  # as the upstream goes on calling it
    with pytest.raises(InvalidInputError):
        set_upstream_name(first, "")
    Finetune.objects.filter(pk=first.pk).update(upstream_name="")  # renamed while the sandbox was the upstream
    check_callable(theirs)
    with pytest.raises(UpstreamNameError):
        check_callable(Finetune.objects.get(pk=first.pk))


def test_rename_of_a_namesake_does_not_take_the_name_along(cast: Cast, account: Sandbox) -> None:
    namesake = make_finetune(cast.outsider.organization, "ink-portrait")
    rename_finetune(namesake, "something-else")
    namesake.refresh_from_db()
    assert namesake.upstream_name == ""
    check_callable(cast.finetune)


def test_recipient_calls_by_its_owners_right(cast: Cast, account: Sandbox) -> None:
    recipient = cast.recipient.organization
    make_finetune(recipient, "ink-portrait")
    Grant.objects.create(finetune=cast.finetune, organization=recipient)
    assert call(recipient, str(cast.finetune)).upstream_finetune_id == "ink-portrait"
    with pytest.raises(UpstreamNameError):
        call(recipient, "ink-portrait")


def test_closed_account_is_nobodys_but_of_those_it_is_opened_to(
    cast: Cast, account: Sandbox, settings: Settings
) -> None:
    settings.UPSTREAM_ORGANIZATIONS = [cast.outsider.organization.org_id]
    late = make_finetune(cast.outsider.organization, "ink-portrait")
    with pytest.raises(UpstreamNameError, match="has not opened"):
        call(cast.organization, "ink-portrait")
    # Who may not use the account takes no name of it away.
    check_callable(late)
    owner = log_in(cast.owner.user)
    assert owner.get(url("finetune-upstream", cast.finetune, cast.organization)).status_code == 404
    assert owner.get(reverse("finetune-import", args=[cast.organization.org_id])).status_code == 404
    assert "Upstream" not in owner.get(url("finetune", cast.finetune, cast.organization)).content.decode()


def test_right_is_looked_up_in_one_query_and_in_none_with_the_sandbox(
    cast: Cast, account: Sandbox, settings: Settings
) -> None:
    finetune = Finetune.objects.select_related("organization").get(pk=cast.finetune.pk)
    for is_sandbox, expected in ((False, 1), (True, 0)):
        settings.UPSTREAM_IS_SANDBOX = is_sandbox
        with CaptureQueriesContext(connection) as queries:
            check_callable(finetune)
        assert len(queries) == expected


def test_sandbox_knows_no_rights(cast: Cast) -> None:
    make_finetune(cast.outsider.organization, "ink-portrait")
    assert call(cast.outsider.organization, "ink-portrait").upstream_finetune_id == "ink-portrait"
    page = log_in(cast.owner.user).get(url("finetune", cast.finetune, cast.organization)).content.decode()
    assert "Upstream" not in page


# --- The section ---------------------------------------------------------------------------------------------


def section(html: str) -> str:
    """Its words alone."""
    match = re.search(r'<section class="card versions-card upstream-card".*?</section>', html, re.DOTALL)
    assert match
    return " ".join(re.sub(r"<[^>]+>", " ", match[0]).split())


def test_check_says_whether_it_is_there(cast: Cast, account: Sandbox) -> None:
    developer = log_in(cast.developer.user)
    path = url("upstream-check", cast.finetune, cast.organization)
    assert "Found: the upstream's account has ink-portrait" in section(developer.post(path).content.decode())
    set_upstream_name(cast.finetune, "elsewhere")
    answer = developer.post(path, headers=HTMX)
    assert "<html" not in answer.content.decode()
    assert "Not found: the upstream's account has no elsewhere" in section(answer.content.decode())


def test_check_of_an_upstream_that_is_away_says_so_and_no_more(
    cast: Cast, account: Sandbox, settings: Settings
) -> None:
    settings.BFL_API_URL = "http://127.0.0.1:9"
    path = url("upstream-check", cast.finetune, cast.organization)
    words = section(log_in(cast.developer.user).post(path).content.decode())
    assert "The upstream does not answer. Try again in a while." in words
    assert "Connection" not in words


def test_form_saves_the_name_and_keeps_what_was_refused(cast: Cast, account: Sandbox) -> None:
    make_finetune(cast.outsider.organization, "strange")
    developer, path = log_in(cast.developer.user), url("finetune-upstream", cast.finetune, cast.organization)
    refused = developer.post(path, {"upstream_name": "strange"}, headers=HTMX)
    assert refused.status_code == 422
    assert 'value="strange"' in refused.content.decode()
    assert "Another organization of this server" in section(refused.content.decode())
    assert cast.outsider.organization.name not in refused.content.decode()
    saved = developer.post(path, {"upstream_name": "Ink/Portrait_2"}, headers=HTMX)
    assert "Generations ask it for Ink/Portrait_2" in section(saved.content.decode())
    assert developer.post(path, {"upstream_name": ""}).status_code == 302
    cast.finetune.refresh_from_db()
    assert cast.finetune.upstream_name == ""


def test_section_stands_on_the_overview_for_those_who_edit(cast: Cast, account: Sandbox) -> None:
    path = url("finetune", cast.finetune, cast.organization)
    assert "its own dashboard alone" in section(log_in(cast.developer.user).get(path).content.decode())
    assert "upstream-card" not in log_in(cast.viewer.user).get(path).content.decode()
    assert log_in(cast.viewer.user).get(url("finetune-upstream", cast.finetune, cast.organization)).status_code == 403
    strangers = log_in(cast.recipient.user)
    assert strangers.get(url("finetune-upstream", cast.granted, cast.recipient.organization)).status_code == 404


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    cache.clear()
