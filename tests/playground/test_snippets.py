"""The form as source text: it says what the form says, and each text runs as it is printed."""

import html
import io
import json
import re
from pathlib import Path

import pytest
import requests
from PIL import Image

from dashboard.bfl.snippets import Call, curl_snippet, javascript_snippet, python_snippet
from dashboard.organizations.models import Membership
from playground.models import Generation
from tests.conftest import Cast, log_in
from tests.finetunes.test_snippets import HOSTILE_PHRASE, HOSTILE_PROMPT, LANGUAGES, RUN, SECONDS, Reader, run_each
from tests.playground.conftest import submit_one
from tests.playground.history_rows import make_generation
from tests.running import RunningUp

TEXT = re.compile(r'<code id="form-(\w+)-text">(.*?)</code>', re.DOTALL)
LACKING = {"finetune_id": "nordic-light", "prompt": "a pier"}
HOSTILE = f"{HOSTILE_PHRASE}\n{HOSTILE_PROMPT}"


def texts_of(page: str) -> dict[str, str]:
    return {language: html.unescape(text) for language, text in TEXT.findall(page)}


def ask(member: Membership, **data: object) -> str:
    url = f"/o/{member.organization.org_id}/playground/snippets/"
    return log_in(member.user).post(url, data, headers={"HX-Request": "true"}).content.decode()


# --- What they say -----------------------------------------------------------------------------------------------


def test_they_name_endpoint_finetune_and_what_differs_from_the_default(cast: Cast) -> None:
    fields = {"prompt": "TOK", "finetune_strength": "0.5", "seed": "5", "safety_tolerance": "2", "output_format": "png"}
    texts = texts_of(ask(cast.viewer, model="ink-portrait", **fields))
    assert tuple(texts) == LANGUAGES
    for text in texts.values():
        assert "/v1/flux-2-klein-4b-finetuned" in text
        assert re.search(r'finetune_id"?: "ink-portrait"', text)
        assert re.search(r'finetune_strength"?: 0.5', text)
        assert re.search(r'seed"?: 5\b', text)
        assert re.search(r'output_format"?: "png"', text)
        assert "safety_tolerance" not in text
        assert "bfl_" not in text


def test_base_model_is_called_without_a_finetune(cast: Cast) -> None:
    for text in texts_of(ask(cast.viewer, model="/v1/flux-2-klein-4b", prompt="a pier")).values():
        assert re.search(r"/v1/flux-2-klein-4b\b(?!-)", text)
        assert "finetune" not in text


def test_form_that_can_not_run_says_what_it_lacks(cast: Cast) -> None:
    page = ask(cast.viewer, model="ink-portrait", prompt=" ", width="16")
    assert "Prompt: Write what the image should show." in page
    assert "Width: Use 64 or more." in page
    assert texts_of(page) == {}


def test_batch_is_a_loop_over_its_seeds_and_large_ones_stay_exact(cast: Cast) -> None:
    big = 2**64 - 3
    texts = texts_of(ask(cast.viewer, model="ink-portrait", prompt="TOK", count="2", seed=str(big)))
    assert f"for seed in {big} {big + 1}; do" in texts["curl"]
    assert f"for seed in [{big}, {big + 1}]:" in texts["python"]
    assert f'for (const seed of ["{big}", "{big + 1}"])' in texts["javascript"]
    assert "for _ in range(3):" in texts_of(ask(cast.viewer, model="ink-portrait", prompt="TOK", count="3"))["python"]


@pytest.mark.parametrize("kind", ["result", "kept"])
def test_who_may_not_see_results_reads_of_none_of_their_images(cast: Cast, kind: str) -> None:
    generation = make_generation(cast.organization, "a secret pier")
    generation.references = [{"field": "input_image", "url": "https://secret.test/a.png"}]
    generation.save()
    value = f"{kind}-{generation.pk}{'-0' if kind == 'kept' else ''}"
    fields = {"model": "ink-portrait", "prompt": "TOK", "references": value}
    assert "secret" in ask(cast.creator, **fields)
    for member in (cast.viewer, cast.billing_manager):
        told = ask(member, **fields)
        assert texts_of(told)
        assert "secret" not in told


def test_image_of_another_organization_is_not_named(cast: Cast) -> None:
    submit_one(cast.organization, "ink-portrait")
    Generation.objects.update(references=[{"file": "references/theirs.png", "size": [64, 64]}])
    value = f"kept-{Generation.objects.get().pk}-0"
    own = texts_of(ask(cast.creator, model="ink-portrait", prompt="TOK", references=value))
    assert "image-1.png" in own["python"]
    theirs = ask(cast.recipient, model=str(cast.granted), prompt="TOK", references=value)
    assert "image-1" not in theirs
    assert "no longer here" in theirs


def test_truth_is_written_as_each_language_writes_it() -> None:
    call = Call("http://here", "/v1/x", {"prompt": "", "prompt_upsampling": True})
    assert '"prompt_upsampling": True,' in python_snippet(call)
    assert "prompt_upsampling: true," in javascript_snippet(call)
    assert '"prompt_upsampling": true}' in curl_snippet(call)


# --- That they run -----------------------------------------------------------------------------------------------


class Player(Reader):
    """A reader who plays: their form's texts, and what their key made."""

    def form_texts(self, **data: str | list[str]) -> dict[str, str]:
        url = f"{self.up.base_url}/o/{self.organization['org_id']}/playground/snippets/"
        fields = data | {"csrfmiddlewaretoken": self.session.cookies["csrftoken"]}
        answer = self.session.post(url, fields, headers={"Referer": url}, timeout=SECONDS)
        answer.raise_for_status()
        return texts_of(answer.text)

    def made_by(self, texts: dict[str, str], folder: Path) -> dict[str, list[str]]:
        """The task ids of the images that each printed the address of."""
        made = {}
        for language, status, out in run_each(texts, self.organization["api_key"], folder):
            assert status == 0, out
            # curl prints the whole answer, of which the sample is a part.
            made[language] = re.findall(r"/samples/([0-9a-f-]{36})\.", out)
            assert made[language], out
        return made

    def result_of(self, task_id: str) -> dict[str, object]:
        answer = requests.get(f"{self.up.base_url}/v1/get_result", {"id": task_id}, timeout=SECONDS).json()
        result: dict[str, object] = answer["result"]
        return result

    def credits(self) -> float:
        headers = {"x-key": self.organization["api_key"]}
        answer = requests.get(f"{self.up.base_url}/v1/credits", headers=headers, timeout=SECONDS)
        return float(answer.json()["credits"])


@pytest.fixture(scope="module")
def player(running_up: RunningUp) -> Player:
    return Player(running_up, 0)


@pytest.mark.pipeline
def test_hostile_prompt_arrives_as_it_was_written(player: Player, tmp_path: Path) -> None:
    texts = player.form_texts(model="nordic-light", prompt=HOSTILE, seed="9", width="64", height="128")
    made = player.made_by(texts, tmp_path)
    assert set(made) == set(RUN)
    for [task_id] in made.values():
        result = player.result_of(task_id)
        assert (result["prompt"], result["seed"]) == (HOSTILE, 9)


@pytest.mark.pipeline
def test_batch_makes_one_for_each_seed(player: Player, tmp_path: Path) -> None:
    texts = player.form_texts(model="nordic-light", prompt=HOSTILE, seed="5", count="2", width="64", height="64")
    for task_ids in player.made_by(texts, tmp_path).values():
        assert [player.result_of(task_id)["seed"] for task_id in task_ids] == [5, 6]


@pytest.mark.pipeline
def test_reference_images_are_read_from_beside_it(player: Player, tmp_path: Path) -> None:
    [task_id] = player.made_by(
        player.form_texts(model="nordic-light", prompt="a pier", width="1024", height="1024", output_format="png"),
        tmp_path,
    )["python"]
    fields: dict[str, str | list[str]] = {
        "prompt": HOSTILE,
        "references": [f"result-{task_id}"],
        "width": "",
        "height": "",
    }
    texts = player.form_texts(model="nordic-light", **fields)
    # Larger than an argument of a command may be.
    noise = Image.effect_noise((640, 448), 100).convert("RGB")
    picture = io.BytesIO()
    noise.save(picture, "PNG")
    assert len(picture.getvalue()) > 2**17
    (tmp_path / "image-1.png").write_bytes(picture.getvalue())
    before = player.credits()
    for [made] in player.made_by(texts, tmp_path).values():
        assert player.result_of(made)["prompt"] == HOSTILE
    assert before - player.credits() == pytest.approx(len(RUN) * 1.5)  # 0.1 of it for the image


@pytest.mark.pipeline
def test_without_the_image_nothing_is_made(player: Player, tmp_path: Path) -> None:
    call = Call(player.up.base_url, "/v1/flux-2-klein-4b-finetuned", LACKING, {"input_image": "lacking.png"})
    texts = {
        "curl": f"export BFL_API={json.dumps(player.up.base_url)}\n{curl_snippet(call)}",
        "python": python_snippet(call),
        "javascript": javascript_snippet(call),
    }
    for _language, _status, out in run_each(texts, player.organization["api_key"], tmp_path):
        assert "lacking.png" in out
        assert "/samples/" not in out
