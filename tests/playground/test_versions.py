"""A generation remembers the version that made it, whatever becomes of the finetune."""

from typing import Any

from finetunes.access import get_version, resolve_finetune
from finetunes.services.catalog import delete_finetune
from finetunes.services.versions import make_current
from playground.models import Generation
from tests.conftest import Cast, log_in
from tests.factories import make_version
from tests.playground.conftest import submit_one


def test_version_and_digest_are_written_down_at_submission(cast: Cast) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    assert cast.finetune.checkpoint
    assert (generation.finetune_version, generation.checkpoint_sha256) == (1, cast.finetune.checkpoint.sha256)


def test_another_current_version_changes_no_earlier_generation(cast: Cast) -> None:
    first = submit_one(cast.organization, "ink-portrait")
    version = make_version(cast.finetune)
    second = submit_one(cast.organization, "ink-portrait")
    assert make_current(get_version(cast.finetune, 1))
    third = submit_one(cast.organization, "ink-portrait")
    kept = [Generation.objects.get(pk=generation.pk) for generation in (first, second, third)]
    assert [generation.finetune_version for generation in kept] == [1, 2, 1]
    assert kept[1].checkpoint_sha256 == version.checkpoint.sha256 != kept[0].checkpoint_sha256
    assert kept[2].checkpoint_sha256 == kept[0].checkpoint_sha256


def test_deleted_finetune_leaves_what_made_the_image(cast: Cast) -> None:
    generation = submit_one(cast.organization, "ink-portrait")
    delete_finetune(cast.finetune)
    kept = Generation.objects.get(pk=generation.pk)
    assert kept.finetune is None
    assert (kept.finetune_version, kept.checkpoint_sha256) == (1, generation.checkpoint_sha256)


def test_finetune_comes_with_its_version_in_one_query(cast: Cast, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        finetune = resolve_finetune(cast.organization, "ink-portrait")
        assert finetune.current_version
        assert finetune.current_version.checkpoint.sha256


def test_card_names_the_version(cast: Cast) -> None:
    make_version(cast.finetune)
    generation = submit_one(cast.organization, "ink-portrait")
    page = log_in(cast.creator.user).get(f"/o/{cast.organization.org_id}/generations/{generation.pk}/")
    assert "<code>ink-portrait</code> v2" in page.content.decode()
