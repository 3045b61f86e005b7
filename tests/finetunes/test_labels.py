"""Labels: tags that an organization puts on what it sees, and the favourites of a person."""

import threading

import pytest
from django.db import connection

from dashboard.lib.errors import InvalidInputError
from finetunes.models import Favourite, Finetune, Tag
from finetunes.queries.listing import list_tags, tags_of
from finetunes.services import labels
from finetunes.services.labels import MOST_IN_AN_ORGANIZATION, MOST_ON_A_FINETUNE, add_tag, clean_tag, set_tags
from tests.conftest import Cast
from tests.factories import make_finetune, make_organization


@pytest.mark.parametrize(
    ("typed", "kept"),
    [(" Raw   Silk ", "raw silk"), ("ÉTÉ", "été"), ("E\u0301te", "éte"), ("v1_final-2", "v1_final-2"), ("夜", "夜")],
)
def test_tag_is_kept_in_lowercase_with_single_spaces(typed: str, kept: str) -> None:
    assert clean_tag(typed) == kept


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("  ", "Write a tag first."),
        ("x" * 41, "at most 40 characters; this one has 41"),
        ("a,b", "Use only letters"),
        ("a\0b", "Use only letters"),
        ("<b>", "Use only letters"),
    ],
)
def test_what_can_be_no_tag_is_refused_with_a_reason(typed: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as raised:
        clean_tag(typed)
    assert raised.value.field == "tags"


def test_tags_are_set_and_unused_ones_vanish(cast: Cast) -> None:
    atelier = cast.organization
    set_tags(atelier, cast.finetune, ["Ink", "portrait", "ink", " "])
    assert tags_of(atelier, cast.finetune) == ["ink", "portrait"]
    set_tags(atelier, cast.granted, ["portrait"])
    set_tags(atelier, cast.finetune, ["new"])
    assert tags_of(atelier, cast.finetune) == ["new"]
    assert list_tags(atelier) == ["new", "portrait"]
    set_tags(atelier, cast.granted, [])
    assert set(Tag.objects.values_list("name", flat=True)) == {"new"}


def test_each_organization_has_its_own_tags_on_a_finetune(cast: Cast) -> None:
    bureau = cast.recipient.organization
    set_tags(cast.organization, cast.granted, ["ours"])
    set_tags(bureau, cast.granted, ["theirs", "ours"])
    set_tags(cast.organization, cast.granted, [])
    assert tags_of(bureau, cast.granted) == ["ours", "theirs"]
    assert tags_of(cast.organization, cast.granted) == []


def test_tag_joins_and_leaves_several_and_says_how_many(cast: Cast) -> None:
    atelier, both = cast.organization, [cast.finetune, cast.granted]
    assert add_tag(atelier, [cast.finetune], "Ink") == 1
    assert add_tag(atelier, both, "ink") == 1
    assert add_tag(atelier, both, "ink") == 0
    assert labels.remove_tag(atelier, [cast.granted], "INK") == 1
    assert tags_of(atelier, cast.finetune) == ["ink"]
    assert labels.remove_tag(atelier, both, "ink") == 1
    assert labels.remove_tag(atelier, both, "ink") == 0
    assert not Tag.objects.exists()


def test_finetune_has_so_many_tags_and_no_more(cast: Cast) -> None:
    names = [f"tag {number}" for number in range(MOST_ON_A_FINETUNE)]
    set_tags(cast.organization, cast.finetune, names)
    with pytest.raises(InvalidInputError, match="at most 20 tags; these are 21"):
        set_tags(cast.organization, cast.finetune, [*names, "one more"])
    with pytest.raises(InvalidInputError, match="ink-portrait has 20 tags already"):
        add_tag(cast.organization, [cast.granted, cast.finetune], "one more")
    assert tags_of(cast.organization, cast.granted) == []
    assert add_tag(cast.organization, [cast.finetune], names[0]) == 0


def test_organization_has_so_many_tags_and_no_more(cast: Cast) -> None:
    atelier = cast.organization
    made = Tag.objects.bulk_create(Tag(organization=atelier, name=f"t{n}") for n in range(MOST_IN_AN_ORGANIZATION))
    for tag in made[1:]:
        tag.finetunes.add(cast.granted)
    add_tag(atelier, [cast.finetune], "the last")  # in place of one that was on nothing
    with pytest.raises(InvalidInputError, match="Atelier has 200 tags, which is the most"):
        set_tags(atelier, cast.finetune, ["one more"])
    assert tags_of(atelier, cast.finetune) == ["the last"]
    set_tags(make_organization("Other"), cast.finetune, ["one more"])


def test_tags_on_what_is_no_longer_shared_take_no_room(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MOST_IN_AN_ORGANIZATION", 2)
    bureau = cast.recipient.organization
    own = make_finetune(bureau)
    set_tags(bureau, cast.granted, ["one", "two"])
    with pytest.raises(InvalidInputError, match="Bureau has 2 tags"):
        add_tag(bureau, [own], "three")
    cast.granted.grants.get().delete()
    assert add_tag(bureau, [own], "three") == 1


def test_star_and_unstar_say_whether_they_did_it(cast: Cast) -> None:
    user = cast.viewer.user
    assert [labels.star(user, cast.finetune), labels.star(user, cast.finetune)] == [True, False]
    assert list(Favourite.objects.values_list("user", "finetune")) == [(user.pk, cast.finetune.pk)]
    assert [labels.unstar(user, cast.finetune), labels.unstar(user, cast.finetune)] == [True, False]


def test_finetune_that_is_gone_gets_no_tag(cast: Cast) -> None:
    gone = make_finetune(cast.organization, "gone")
    Finetune.objects.filter(pk=gone.pk).delete()
    assert add_tag(cast.organization, [gone], "ink") == 0
    set_tags(cast.organization, gone, ["ink"])
    assert not Tag.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_tag_that_eight_make_at_once_is_one(cast: Cast) -> None:
    finetunes = [make_finetune(cast.organization, f"look-{number}") for number in range(8)]
    failures: list[BaseException] = []
    start = threading.Barrier(len(finetunes))

    def tag(finetune: Finetune) -> None:
        try:
            start.wait()
            set_tags(cast.organization, finetune, ["common", finetune.name])
        except BaseException as error:  # noqa: BLE001  told to the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=tag, args=[finetune]) for finetune in finetunes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Tag.objects.get(name="common").finetunes.count() == len(finetunes)
    assert Tag.objects.count() == len(finetunes) + 1
