"""From a `finetune_id` to the finetune, for one caller: own, granted, official, and otherwise nothing."""

import pytest

from dashboard.lib.errors import NotFoundError
from dashboard.organizations.models import Organization
from finetunes.access import NOT_FOUND, resolve_finetune
from finetunes.queries import Tab, count_tabs, list_finetunes
from tests.conftest import Cast
from tests.factories import make_finetune


def assert_not_found(caller: Organization, finetune_id: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve_finetune(caller, finetune_id)
    assert (caught.value.message, caught.value.field) == (NOT_FOUND, "finetune_id")


def test_owner_names_its_own_with_and_without_its_id(cast: Cast) -> None:
    owner = cast.organization
    assert resolve_finetune(owner, "ink-portrait") == cast.finetune
    assert resolve_finetune(owner, f"{owner.org_id}/ink-portrait") == cast.finetune


def test_recipient_names_the_owner(cast: Cast) -> None:
    caller = cast.recipient.organization
    assert resolve_finetune(caller, f"{cast.organization.org_id}/velvet-noir") == cast.granted
    assert_not_found(caller, "velvet-noir")


def test_official_finetune_is_named_with_its_owner(cast: Cast) -> None:
    official = make_finetune(cast.organization, "house-style", is_official=True)
    assert resolve_finetune(cast.outsider.organization, f"{cast.organization.org_id}/house-style") == official


def test_what_is_not_shared_and_what_does_not_exist_answer_alike(cast: Cast) -> None:
    owner = cast.organization.org_id
    assert_not_found(cast.outsider.organization, f"{owner}/velvet-noir")
    assert_not_found(cast.outsider.organization, f"{owner}/no-such")
    assert_not_found(cast.recipient.organization, f"{owner}/ink-portrait")
    assert_not_found(cast.recipient.organization, "nobody/ink-portrait")


def test_same_name_of_two_owners_is_kept_apart(cast: Cast) -> None:
    caller = cast.recipient.organization
    own = make_finetune(caller, "velvet-noir")
    assert resolve_finetune(caller, "velvet-noir") == own
    assert resolve_finetune(caller, f"{cast.organization.org_id}/velvet-noir") == cast.granted


@pytest.mark.parametrize(
    "finetune_id", ["", "/", "a/", "/a", "a/b/c", "Ink-Portrait", "ink portrait", "a\0", "x" * 500]
)
def test_malformed_id_is_not_found(cast: Cast, finetune_id: str) -> None:
    assert_not_found(cast.organization, finetune_id)


def test_tabs_hold_own_and_shared(cast: Cast) -> None:
    official = make_finetune(cast.organization, "house-style", is_official=True)
    own = make_finetune(cast.recipient.organization, "own")
    viewer = cast.recipient.organization
    assert list(list_finetunes(viewer, Tab.OWNED)) == [own]
    assert list(list_finetunes(viewer, Tab.SHARED)) == [official, cast.granted]
    assert list(list_finetunes(viewer, Tab.ALL)) == [official, own, cast.granted]
    assert {tab.tab: tab.count for tab in count_tabs(viewer)} == {Tab.ALL: 3, Tab.OWNED: 1, Tab.SHARED: 2}


def test_granted_and_official_counts_once(cast: Cast) -> None:
    make_finetune(cast.organization, "house-style", is_official=True, granted_to=cast.recipient.organization)
    counts = {tab.tab: tab.count for tab in count_tabs(cast.recipient.organization)}
    assert counts == {Tab.ALL: 2, Tab.OWNED: 0, Tab.SHARED: 2}
