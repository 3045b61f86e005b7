"""Presets: the form kept under a name, used by those who may, replaced knowingly, and deleted with a way back."""

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Role
from dashboard.organizations.services.deletion import delete_organization
from finetunes.services.catalog import delete_finetune
from playground.clearing import clear_deleted
from playground.models import Generation, Preset
from playground.services import presets
from tests.conftest import Cast, log_in
from tests.factories import make_member, make_organization

FORM = {
    "model": "ink-portrait",
    "prompt": "TOK under a lamp",
    "finetune_strength": "0.8",
    "width": "768",
    "height": "1024",
    "seed": "",
    "count": "2",
    "csrfmiddlewaretoken": "x",
    "references": "upload-1",
}
HTMX = {"HX-Request": "true"}


def url(cast: Cast, name: str = "save", *args: Any) -> str:
    return reverse(f"preset-{name}", args=[cast.organization.org_id, *args])


def save(cast: Cast, member: Membership, name: str = "Portrait", scope: str = "me", **given: str) -> Any:
    data = {**FORM, "preset-name": name, "preset-scope": scope, **given}
    return log_in(member.user).post(url(cast), data)


def page(cast: Cast, member: Membership, **query: Any) -> Any:
    return log_in(member.user).get(reverse("playground", args=[cast.organization.org_id]), query)


def over_the_playground(cast: Cast) -> dict[str, str]:
    return {**HTMX, "HX-Current-URL": "http://testserver" + reverse("playground", args=[cast.organization.org_id])}


def make(cast: Cast, member: Membership, name: str, *, is_shared: bool = False, **values: str) -> Preset:
    return presets.save(member, name, {"model": "ink-portrait", **values}, is_shared=is_shared)


# --- Saving and using --------------------------------------------------------------------------------------------


def test_form_asks_for_a_name_and_carries_what_stood_in_it(cast: Cast) -> None:
    asked = log_in(cast.creator.user).post(url(cast), FORM)
    text = asked.content.decode()
    assert asked.status_code == 200
    assert '<input type="hidden" name="prompt" value="TOK under a lamp">' in text
    assert 'name="csrfmiddlewaretoken" value="x"' not in text
    assert not Preset.objects.exists()


def test_saved_values_are_the_fields_that_are_filled_in_and_no_reference_image(cast: Cast) -> None:
    answer = save(cast, cast.creator)
    preset = Preset.objects.get()
    assert answer.status_code == 302
    assert answer["location"].endswith(f"/playground/?preset={preset.pk}&references=upload-1")
    assert (preset.user, preset.created_by, preset.name) == (cast.creator.user, cast.creator.user, "Portrait")
    kept = {name: value for name, value in FORM.items() if name not in ("seed", "csrfmiddlewaretoken", "references")}
    assert kept.items() <= preset.values.items()
    assert not {"seed", "csrfmiddlewaretoken", "references", "preset-name"} & preset.values.keys()


def test_link_to_a_preset_fills_the_form(cast: Cast) -> None:
    save(cast, cast.creator)
    form = page(cast, cast.creator, preset=Preset.objects.get().pk).context["form"]
    assert {name: form[name].value() for name in ("model", "prompt", "finetune_strength", "width", "count")} == {
        name: FORM[name] for name in ("model", "prompt", "finetune_strength", "width", "count")
    }
    assert not Generation.objects.exists()


def test_what_a_link_says_itself_comes_before_the_preset(cast: Cast) -> None:
    preset = make(cast, cast.creator, "Mine", prompt="TOK at dawn", finetune_strength="0.4")
    form = page(cast, cast.creator, preset=preset.pk, prompt="TOK at dusk").context["form"]
    assert (form["prompt"].value(), form["finetune_strength"].value()) == ("TOK at dusk", "0.4")


def test_what_the_endpoint_lacks_is_left_out_and_what_cannot_be_is_told_at_its_field(cast: Cast) -> None:
    preset = make(cast, cast.creator, "Old", finetune_strength="7", guidance="4", seed="3")
    answer = page(cast, cast.creator, preset=preset.pk)
    text = answer.content.decode()
    assert list(answer.context["form"].errors) == ["finetune_strength"]
    assert "Use 2 or less." in text
    assert "guidance" not in text
    assert 'value="3"' in text


def test_preset_whose_finetune_is_lacking_says_so_like_a_link(cast: Cast) -> None:
    preset = make(cast, cast.creator, "Gone", prompt="TOK on a pier")
    delete_finetune(cast.finetune)
    text = page(cast, cast.creator, preset=preset.pk).content.decode()
    assert "This asks for <code>ink-portrait</code>." in text
    assert "TOK on a pier</textarea>" in text


def test_organizations_preset_is_for_everyone_who_generates_and_mine_for_me(cast: Cast) -> None:
    mine = make(cast, cast.developer, "Only mine")
    shared = make(cast, cast.developer, "For all", is_shared=True)
    text = page(cast, cast.creator).content.decode()
    assert "For all" in text
    assert "Only mine" not in text
    assert [page(cast, cast.creator, preset=preset.pk).status_code for preset in (mine, shared)] == [404, 200]
    assert page(cast, cast.owner, preset=mine.pk).status_code == 404


@pytest.mark.parametrize("asked", ["nothing", str(uuid4())])
def test_preset_that_is_none_is_404(cast: Cast, asked: str) -> None:
    assert page(cast, cast.creator, preset=asked).status_code == 404


def test_another_organizations_preset_is_404_and_a_viewer_may_use_none(cast: Cast) -> None:
    theirs = presets.save(cast.outsider, "Theirs", {}, is_shared=True)
    assert page(cast, cast.owner, preset=theirs.pk).status_code == 404
    shared = make(cast, cast.developer, "For all", is_shared=True)
    assert page(cast, cast.viewer, preset=shared.pk).status_code == 403
    assert "For all" not in page(cast, cast.viewer).content.decode()


def test_organization_takes_its_presets_along(cast: Cast) -> None:
    fresh = make_member(make_organization("Fresh"))
    presets.save(fresh, "A", {}, is_shared=True)
    presets.save(fresh, "B", {}, is_shared=False)
    kept = make(cast, cast.creator, "Kept")
    delete_organization(fresh.organization)
    clear_deleted()
    assert list(Preset.objects.all()) == [kept]


# --- Names, and room ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Portrait", "PORTRAIT", "  portrait "])
def test_taken_name_is_asked_about_and_replaced_when_told_to(cast: Cast, name: str) -> None:
    save(cast, cast.creator)
    present = Preset.objects.get()
    asked = save(cast, cast.creator, name, prompt="another")
    assert asked.status_code == 422
    assert "You have a preset named Portrait already." in asked.content.decode()
    assert "another" in asked.content.decode()
    present.refresh_from_db()
    assert present.values["prompt"] == FORM["prompt"]

    save(cast, cast.creator, name, prompt="another", **{"preset-replace": str(present.pk)})
    present.refresh_from_db()
    assert (present.name, present.values["prompt"]) == (name.strip(), "another")
    assert Preset.objects.count() == 1


def test_replacing_one_does_not_replace_another_whose_name_was_typed_meanwhile(cast: Cast) -> None:
    first, second = make(cast, cast.creator, "First"), make(cast, cast.creator, "Second", prompt="kept")
    answer = save(cast, cast.creator, "Second", **{"preset-replace": str(first.pk)})
    assert answer.status_code == 422
    assert f'name="preset-replace" value="{second.pk}"' in answer.content.decode()
    second.refresh_from_db()
    assert second.values["prompt"] == "kept"


def test_each_list_has_its_own_names(cast: Cast) -> None:
    for member, scope in ((cast.creator, "me"), (cast.developer, "me"), (cast.creator, "organization")):
        assert save(cast, member, scope=scope).status_code == 302
    assert Preset.objects.count() == 3


def test_organizations_preset_of_another_is_not_replaced_but_by_administrators(cast: Cast) -> None:
    shared = make(cast, cast.developer, "House", is_shared=True)
    replace = {"preset-replace": str(shared.pk)}
    refused = save(cast, cast.creator, "house", "organization", **replace)
    assert refused.status_code == 422
    assert "is not yours to replace" in refused.content.decode()
    assert save(cast, cast.owner, "house", "organization", **replace).status_code == 302
    shared.refresh_from_db()
    assert (shared.name, shared.created_by) == ("house", cast.developer.user)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"preset-name": " "}, "Give the preset a name."),
        ({"preset-name": "x" * 61}, "at most 60 characters"),
        ({"preset-scope": "everybody"}, "Select a valid choice."),
        ({"preset-scope": ""}, "This field is required."),
        ({"seed": "9" * 201}, "What stands in Seed is too long to be kept."),
        ({"prompt": "x" * 100_001}, "What stands in Prompt is too long to be kept."),
    ],
)
def test_bad_input_is_told_and_nothing_is_lost(cast: Cast, given: dict[str, str], sentence: str) -> None:
    data = {**FORM, "preset-name": "Portrait", "preset-scope": "me", **given}
    answer = log_in(cast.creator.user).post(url(cast), data)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert data["prompt"] in answer.content.decode()
    assert not Preset.objects.exists()


def test_name_is_text_on_one_line(cast: Cast) -> None:
    save(cast, cast.creator, "<b>a</b>\n two")
    assert Preset.objects.get().name == "<b>a</b> two"
    assert "<b>a</b>" not in page(cast, cast.creator).content.decode()


@pytest.mark.parametrize(
    ("scope", "most", "sentence"),
    [("me", "MOST_OWN", "You have 2 presets"), ("organization", "MOST_SHARED", "Atelier")],
)
def test_full_list_is_told_and_still_lets_one_be_replaced(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, scope: str, most: str, sentence: str
) -> None:
    monkeypatch.setattr(presets, most, 2)
    for name in ("one", "two"):
        assert save(cast, cast.creator, name, scope).status_code == 302
    full = save(cast, cast.creator, "three", scope)
    assert full.status_code == 422
    assert sentence in full.content.decode()
    assert Preset.objects.count() == 2
    one = Preset.objects.get(name="one")
    assert save(cast, cast.creator, "one", scope, **{"preset-replace": str(one.pk)}).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_two_who_save_one_name_at_once_get_one_preset_and_one_question(cast: Cast) -> None:
    start, outcomes = threading.Barrier(4), []

    def run(member: Membership) -> None:
        start.wait()
        try:
            presets.save(member, "House", {"prompt": member.role}, is_shared=True)
            outcomes.append("saved")
        except presets.NameTakenError:
            outcomes.append("asked")
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[cast.owner]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["asked", "asked", "asked", "saved"]
    assert Preset.objects.count() == 1


def test_menu_costs_one_query_however_many_there_are(cast: Cast, django_assert_num_queries: Any) -> None:
    for number in range(5):
        make(cast, cast.creator, f"Mine {number}", prompt="x" * 1000)
        make(cast, cast.developer, f"Ours {number}", is_shared=True)
    with django_assert_num_queries(1) as captured:
        shelves = presets.shelves_of(cast.creator)
        assert [len(shelf.presets) for shelf in shelves] == [5, 5]
        assert [may for shelf in shelves for _, may in shelf.presets] == [True] * 5 + [False] * 5
    assert '"values"' not in captured.captured_queries[0]["sql"]


# --- Renaming and deleting ---------------------------------------------------------------------------------------


def test_rename_keeps_the_values_and_refuses_anothers_name(cast: Cast) -> None:
    preset, _ = make(cast, cast.creator, "Old", prompt="kept"), make(cast, cast.creator, "Taken")
    client = log_in(cast.creator.user)
    refused = client.post(url(cast, "edit", preset.pk), {"preset-name": "taken"})
    assert refused.status_code == 422
    assert "There is another preset of this name." in refused.content.decode()
    assert client.post(url(cast, "edit", preset.pk), {"preset-name": "OLD"}).status_code == 302
    preset.refresh_from_db()
    assert (preset.name, preset.values["prompt"]) == ("OLD", "kept")


def test_only_author_and_administrators_change_an_organizations_preset(cast: Cast) -> None:
    shared = make(cast, cast.developer, "House", is_shared=True)
    expected = {cast.creator: 403, cast.developer: 302, cast.owner: 302, cast.outsider: 404, cast.viewer: 403}
    for number, (member, status) in enumerate(expected.items()):
        answer = log_in(member.user).post(url(cast, "edit", shared.pk), {"preset-name": f"House {number}"})
        assert answer.status_code == status
    for member in (cast.creator, cast.viewer, cast.outsider):
        assert log_in(member.user).post(url(cast, "delete", shared.pk)).status_code == expected[member]
    assert Preset.objects.filter(pk=shared.pk).exists()


def test_no_one_but_its_person_sees_or_changes_a_persons_preset(cast: Cast) -> None:
    mine = make(cast, cast.creator, "Mine")
    for name in ("edit", "delete"):
        assert log_in(cast.owner.user).post(url(cast, name, mine.pk)).status_code == 404


def test_deleted_preset_comes_back_as_it_was(cast: Cast) -> None:
    preset = make(cast, cast.developer, "House", is_shared=True, prompt="kept")
    client = log_in(cast.owner.user)
    answer = client.post(url(cast, "delete", preset.pk), headers=over_the_playground(cast))
    assert url(cast, "restore", preset.pk) in answer.content.decode()
    assert not Preset.objects.exists()
    for _ in range(2):
        assert client.post(url(cast, "restore", preset.pk)).status_code == 302
    back = Preset.objects.get()
    assert (back.pk, back.name, back.values, back.created_by) == (
        preset.pk,
        "House",
        preset.values,
        cast.developer.user,
    )


def test_undo_is_for_those_who_may_delete_and_for_a_while(cast: Cast) -> None:
    preset = make(cast, cast.developer, "House", is_shared=True)
    presets.delete(preset, cast.developer)
    for member in (cast.creator, cast.outsider):
        assert log_in(member.user).post(url(cast, "restore", preset.pk)).status_code == 404
    elsewhere = reverse("preset-restore", args=[cast.outsider.organization.org_id, preset.pk])
    assert log_in(cast.outsider.user).post(elsewhere).status_code == 404
    cache.clear()
    late = log_in(cast.developer.user).post(url(cast, "restore", preset.pk))
    assert late.status_code == 404
    assert "too late" in late.content.decode()


def test_undo_gives_way_to_a_name_that_was_taken_meanwhile(cast: Cast) -> None:
    preset = make(cast, cast.creator, "Mine")
    presets.delete(preset, cast.creator)
    make(cast, cast.creator, "mine")
    answer = log_in(cast.creator.user).post(url(cast, "restore", preset.pk))
    assert answer.status_code == 422
    assert "by now, so it cannot come back." in answer.content.decode()


def test_preset_outlives_its_author_and_its_undo_too(cast: Cast) -> None:
    author = make_member(cast.organization, Role.CREATOR)
    preset = presets.save(author, "House", {}, is_shared=True)
    own = presets.save(author, "Own", {}, is_shared=False)
    presets.delete(preset, cast.owner)
    author.user.delete()
    assert presets.restore(cast.owner, preset.pk).created_by is None
    assert list(Preset.objects.all()) == [preset]
    assert own.pk


def test_over_the_playground_the_menu_is_made_anew_and_elsewhere_the_browser_goes_there(cast: Cast) -> None:
    client = log_in(cast.creator.user)
    data = {**FORM, "preset-name": "Portrait", "preset-scope": "me"}
    over = client.post(url(cast), data, headers=over_the_playground(cast))
    preset = Preset.objects.get()
    assert 'id="presets" hx-swap-oob="true"' in over.content.decode()
    assert f'<input type="hidden" name="preset" value="{preset.pk}">' in over.content.decode()
    assert over["HX-Trigger-After-Swap"] == '{"dialog:close": {}}'
    elsewhere = client.post(url(cast, "edit", preset.pk), {"preset-name": "B"}, headers=HTMX)
    assert elsewhere["HX-Redirect"] == reverse("playground", args=[cast.organization.org_id])


def test_form_that_a_preset_filled_proposes_its_name(cast: Cast) -> None:
    preset = make(cast, cast.creator, "House", is_shared=True)
    text = log_in(cast.creator.user).post(url(cast), {**FORM, "preset": str(preset.pk)}).content.decode()
    assert 'value="House"' in text
    assert 'value="organization" id="id_preset-scope_1" checked' in text
    gone: Client = log_in(cast.creator.user)
    assert gone.post(url(cast), {**FORM, "preset": "nothing"}).status_code == 200
