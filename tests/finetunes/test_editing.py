"""A finetune's fields are judged and saved together or not at all, and the log says which ones changed."""

from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils import timezone

from dashboard.bfl.endpoints import APACHE, NON_COMMERCIAL
from dashboard.lib.errors import InvalidInputError, NotFoundError
from dashboard.organizations.events import Action
from dashboard.organizations.models import AuditEvent
from finetunes.models import Checkpoint, Finetune
from finetunes.services.editing import EDITABLE, edit_finetune
from tests.conftest import Cast

EVERYTHING = {
    "base_model": "flux-2-klein-9b-kv",
    "precision": "bf16",
    "trigger_phrase": "  linocut \n style ",
    "description": " Bold **lines**.\r\n\r\nFew colours. ",
    "recommended_strength": "0.85",
    "example_prompts": ["linocut style, a fox", "  ", "two\r\nlines"],
    "license_note": "Ask us first.",
}
LOOKS = {
    "trigger_phrase": "linocut style",
    "description": "Bold **lines**.\n\nFew colours.",
    "recommended_strength": Decimal("0.85"),
    "example_prompts": ["linocut style, a fox", "two\nlines"],
}


def refusal(finetune: Finetune, **changes: object) -> tuple[str | None, str]:
    """Field and sentence; nothing was saved."""
    before = Finetune.objects.values().get(pk=finetune.pk)
    with pytest.raises(InvalidInputError) as caught:
        edit_finetune(finetune, changes)
    assert Finetune.objects.values().get(pk=finetune.pk) == before
    assert not AuditEvent.objects.filter(action=Action.FINETUNE_EDITED).exists()
    return caught.value.field, caught.value.message


def test_every_field_is_saved_at_once_and_named_in_the_log(cast: Cast) -> None:
    assert set(EVERYTHING) == set(EDITABLE)
    assert edit_finetune(cast.finetune, EVERYTHING)
    for finetune in (cast.finetune, Finetune.objects.get(pk=cast.finetune.pk)):
        for field, value in (EVERYTHING | LOOKS).items():
            assert getattr(finetune, field) == value
    line = AuditEvent.objects.get(action=Action.FINETUNE_EDITED)
    assert (line.organization, line.subject) == (cast.organization, "ink-portrait")
    assert line.details == {
        "changed": "base model, precision, trigger phrase, description, recommended strength, example prompts, "
        "license note"
    }


def test_each_field_is_cleared(cast: Cast) -> None:
    edit_finetune(cast.finetune, EVERYTHING)
    nothing: dict[str, object] = {
        "trigger_phrase": "",
        "description": " ",
        "recommended_strength": None,
        "example_prompts": [],
    }
    assert edit_finetune(cast.finetune, nothing | {"license_note": ""})
    found = Finetune.objects.get(pk=cast.finetune.pk)
    assert (found.trigger_phrase, found.description, found.recommended_strength) == ("", "", None)
    assert (found.example_prompts, found.license) == ([], NON_COMMERCIAL)


def test_what_is_there_already_changes_nothing(cast: Cast) -> None:
    before = Finetune.objects.get(pk=cast.finetune.pk)
    assert not edit_finetune(cast.finetune, {"trigger_phrase": "TOK ", "recommended_strength": ""})
    assert Finetune.objects.get(pk=cast.finetune.pk).updated_at == before.updated_at
    assert not AuditEvent.objects.filter(action=Action.FINETUNE_EDITED).exists()


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"base_model": "flux-1"}, "base_model", "flux-2-klein-4b"),
        ({"base_model": ["flux-2-klein-4b"]}, "base_model", "Choose one of"),
        ({"precision": "fp16"}, "precision", "fp8 or bf16"),
        ({"precision": "bf16"}, "precision", "9B (KV-cached) alone"),
        ({"base_model": "flux-2-klein-9b", "precision": "bf16"}, "precision", "Choose FP8"),
        ({"trigger_phrase": "x" * 201}, "trigger_phrase", "at most 200 characters; this is 201"),
        ({"trigger_phrase": None}, "trigger_phrase", "as text"),
        ({"trigger_phrase": "a\0b"}, "trigger_phrase", "cannot be stored"),
        ({"description": "\ud800"}, "description", "cannot be stored"),
        ({"description": "x" * 10_001}, "description", "10,000 characters"),
        ({"recommended_strength": True}, "recommended_strength", "from 0 to 2"),
        ({"recommended_strength": []}, "recommended_strength", "from 0 to 2"),
        ({"recommended_strength": "x"}, "recommended_strength", "from 0 to 2"),
        ({"recommended_strength": "nan"}, "recommended_strength", "from 0 to 2"),
        ({"recommended_strength": "-inf"}, "recommended_strength", "from 0 to 2"),
        ({"recommended_strength": -1}, "recommended_strength", "from 0 to 2"),
        ({"recommended_strength": 2.01}, "recommended_strength", "from 0 to 2"),
        ({"recommended_strength": 0.123}, "recommended_strength", "two decimals at most, such as 0.12"),
        ({"example_prompts": "one"}, "example_prompts", "a list"),
        ({"example_prompts": [1]}, "example_prompts", "as text"),
        ({"example_prompts": ["x"] * 11}, "example_prompts", "at most 10 example prompts; these are 11"),
        ({"example_prompts": ["x", "y" * 2_001]}, "example_prompts", "2,000 characters"),
        ({"license_note": "x" * 301}, "license_note", "300"),
        ({"name": "other"}, "name", "can be edited here"),
        ({"is_official": True}, "is_official", "can be edited here"),
    ],
)
def test_refusal_names_its_field_and_saves_nothing(
    cast: Cast, changes: dict[str, object], field: str, words: str
) -> None:
    told = refusal(cast.finetune, **({"license_note": "kept back"} | changes))
    assert told[0] == field
    assert words in told[1]


def test_bf16_holds_the_base_model_until_both_change(cast: Cast) -> None:
    field, sentence = refusal(cast.granted, base_model="flux-2-klein-9b")
    assert field == "precision"
    assert "Choose FP8 for this base model" in sentence
    assert edit_finetune(cast.granted, {"base_model": "flux-2-klein-9b", "precision": "fp8"})


def test_base_model_that_the_checkpoint_contradicts_is_refused(cast: Cast) -> None:
    Checkpoint.objects.filter(versions__finetune=cast.finetune).update(facts={"family": "flux2-klein-4b"})
    field, sentence = refusal(cast.finetune, base_model="flux-2-klein-9b")
    assert field == "base_model"
    assert "The checkpoint is made for FLUX.2 [klein] 4B" in sentence
    assert edit_finetune(cast.finetune, {"base_model": "flux-2-klein-base-4b"})


def test_license_that_repeats_the_base_models_follows_it(cast: Cast) -> None:
    assert not edit_finetune(cast.finetune, {"license_note": APACHE})
    assert edit_finetune(cast.finetune, {"base_model": "flux-2-klein-9b", "license_note": NON_COMMERCIAL})
    assert (cast.finetune.license_note, cast.finetune.license) == ("", NON_COMMERCIAL)


def test_what_is_in_the_trash_or_gone_is_not_edited(cast: Cast) -> None:
    Finetune.objects.filter(pk=cast.finetune.pk).update(deleted_at=timezone.now())
    with pytest.raises(NotFoundError):
        edit_finetune(cast.finetune, {"trigger_phrase": "x"})
    Finetune.objects.filter(pk=cast.granted.pk).delete()
    with pytest.raises(NotFoundError):
        edit_finetune(cast.granted, {"trigger_phrase": "x"})


def test_two_who_edit_different_fields_lose_nothing(cast: Cast, transactional_db: None) -> None:
    fields = ("trigger_phrase", "description", "license_note")
    gate = Barrier(len(fields))

    def edit(field: str) -> None:
        finetune = Finetune.objects.get(pk=cast.finetune.pk)
        gate.wait()
        edit_finetune(finetune, {field: f"new {field}"})
        connection.close()

    threads = [Thread(target=edit, args=(field,)) for field in fields]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Finetune.objects.get(pk=cast.finetune.pk)
    assert [getattr(found, field) for field in fields] == [f"new {field}" for field in fields]
