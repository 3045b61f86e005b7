"""The API example of a finetune: right for whoever reads it, and each text runs as the page prints it."""

import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from django.urls import reverse
from pytest_django.fixtures import Settings

from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Role
from finetunes.models import Finetune
from finetunes.snippets import example_prompt, list_snippets
from tests.conftest import Cast, log_in
from tests.running import RunningUp

SECONDS = 30
LANGUAGES = ("curl", "python", "javascript")
NODE = shutil.which("node")
RUN = LANGUAGES if NODE else LANGUAGES[:2]
HOSTILE_PHRASE = 'it\'s "$HOME" `id` $(id) \\ \\n </script><b> {x} ${y} %s é 🦊 !x'
HOSTILE_PROMPT = "first line\nsecond 'line' \\\\ \\t \"end\" \u202e\u2028 #{z} */"
TEXT = re.compile(r'<code id="panel-\d+-(\w+)-text">(.*?)</code>', re.DOTALL)


# --- What they say -----------------------------------------------------------------------------------------------


def api_page(member: Membership, finetune: Finetune) -> str:
    organization = member.organization
    response = log_in(member.user).get(
        reverse("finetune-api", args=[organization.org_id, finetune.id_for(organization)])
    )
    assert response.status_code == 200
    return response.content.decode()


def texts_of(page: str) -> dict[str, str]:
    return {language: html.unescape(text) for language, text in TEXT.findall(page)}


def test_each_names_host_endpoint_id_and_strength_and_no_key(cast: Cast, settings: Settings) -> None:
    settings.BASE_URL = "https://dashboard.example.com"
    Finetune.objects.filter(pk=cast.granted.pk).update(recommended_strength="0.85")
    texts = texts_of(api_page(cast.recipient, cast.granted))
    assert tuple(texts) == LANGUAGES
    for text in texts.values():
        assert "https://dashboard.example.com" in text
        assert "/v1/flux-2-klein-9b-kv-bf16-finetuned" in text
        assert f'"{cast.organization.org_id}/velvet-noir"' in text
        assert re.search(r"finetune_strength\"?: 0\.85\b", text)
        assert "TOK, a harbour at dawn" in text
        assert "BFL_API_KEY" in text
        assert "bfl_" not in text
    own = texts_of(api_page(cast.viewer, cast.granted))
    assert all('"velvet-noir"' in text for text in own.values())


@pytest.mark.parametrize("role", Role)
def test_who_may_have_keys_is_led_to_them_and_others_learn_whom_to_ask(cast: Cast, role: Role) -> None:
    page = api_page(cast.members[role], cast.finetune)
    is_led = role in (Role.ADMINISTRATOR, Role.DEVELOPER)
    assert ("Create one under" in page) is is_led
    assert ("Administrators and Developers of Atelier create keys" in page) is not is_led
    assert "1.4 credits" in page


@pytest.mark.parametrize(
    ("phrase", "examples", "prompt"),
    [
        ("", [], "A harbour at dawn"),
        ("TOK", [], "TOK, a harbour at dawn"),
        ("TOK", ["a tok on a hill", "other"], "a tok on a hill"),
        ("TOK", ["a hill"], "TOK, a hill"),
        ("", ["a hill"], "a hill"),
    ],
)
def test_prompt_is_the_first_example_with_the_trigger_phrase(phrase: str, examples: list[str], prompt: str) -> None:
    assert example_prompt(Finetune(trigger_phrase=phrase, example_prompts=examples)) == prompt


def test_hostile_words_stay_within_their_text_in_each_language(cast: Cast) -> None:
    cast.finetune.trigger_phrase, cast.finetune.example_prompts = HOSTILE_PHRASE, [HOSTILE_PROMPT]
    curl, python, javascript = (snippet.text for snippet in list_snippets(cast.finetune, cast.organization))
    body = shlex.split(curl.split("-d ", 1)[1].split(")\necho", 1)[0])
    prompts = [json.loads(body[0])["prompt"]]
    prompts += [json.loads(re.search(r"prompt\"?: (\".*\"),\n", text)[1]) for text in (python, javascript)]  # type: ignore[index]
    assert prompts == [f"{HOSTILE_PHRASE}, {HOSTILE_PROMPT}"] * 3
    for text in (curl, python, javascript):
        assert not re.search(r"[\u2028\u202e]", text)
    cast.finetune.save()
    assert "<b> {x}" not in api_page(cast.owner, cast.finetune)


# --- That they run -----------------------------------------------------------------------------------------------


class Reader:
    """Somebody who is logged in to the running server, edits a finetune and runs what its page prints."""

    def __init__(self, up: RunningUp, number: int) -> None:
        self.up, self.organization = up, up.demo["organizations"][number]
        self.session = requests.Session()
        user = next(user for user in up.demo["users"] if user["org_id"] == self.organization["org_id"])
        self.session.get(up.base_url, timeout=SECONDS)
        self._post("/account/login/", login=user["email"], password=user["password"])

    def edit(self, name: str, field: str, value: str | list[str]) -> None:
        self._post(f"/o/{self.organization['org_id']}/finetune/{name}/fields/{field}/", **{field: value})

    def texts(self, finetune_id: str) -> dict[str, str]:
        path = f"/o/{self.organization['org_id']}/finetune/{finetune_id.replace('/', '~')}/api/"
        answer = self.session.get(self.up.base_url + path, timeout=SECONDS)
        answer.raise_for_status()
        return texts_of(answer.text)

    def _post(self, path: str, **data: str | list[str]) -> None:
        url, token = self.up.base_url + path, self.session.cookies["csrftoken"]
        answer = self.session.post(
            url, data | {"csrfmiddlewaretoken": token}, headers={"Referer": url}, timeout=SECONDS
        )
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def owner(running_up: RunningUp) -> Reader:
    return Reader(running_up, 0)


def run_each(texts: dict[str, str], key: str, folder: Path) -> Iterator[tuple[str, int, str]]:
    """Side by side: language, exit status, and all that was printed."""
    (folder / "example.mjs").write_text(texts["javascript"])
    commands = {
        "curl": ["bash", "-eu", "-c", texts["curl"]],
        "python": [sys.executable, "-c", texts["python"]],
        **({"javascript": [NODE, "example.mjs"]} if NODE else {}),
    }
    running = {
        language: subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "BFL_API_KEY": key},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for language, command in commands.items()
    }
    for language, process in running.items():
        out, _ = process.communicate(timeout=SECONDS)
        yield language, process.returncode, out


def prompts_made(reader: Reader, finetune_id: str, folder: Path) -> dict[str, str]:
    """The prompt of the image that each printed the address of."""
    made, key = {}, reader.organization["api_key"]
    for language, status, out in run_each(reader.texts(finetune_id), key, folder):
        assert status == 0, out
        sample = re.search(rf"{reader.up.base_url}/samples/[^\s\"]+", out)
        assert sample, out
        assert requests.get(sample[0], timeout=SECONDS).headers["content-type"].startswith("image/")
        task_id = Path(urlsplit(sample[0]).path).stem
        answer = requests.get(f"{reader.up.base_url}/v1/get_result", {"id": task_id}, timeout=SECONDS).json()
        made[language] = answer["result"]["prompt"]
    return made


@pytest.mark.pipeline
def test_own_finetune_is_called_as_printed(owner: Reader, tmp_path: Path) -> None:
    prompt = "nordic light style, a harbour at dawn"
    assert prompts_made(owner, "nordic-light", tmp_path) == dict.fromkeys(RUN, prompt)


@pytest.mark.pipeline
def test_shared_finetune_is_called_as_printed(running_up: RunningUp, tmp_path: Path) -> None:
    recipient = Reader(running_up, 1)
    shared = f"{running_up.demo['organizations'][0]['org_id']}/velvet-noir"
    prompt = "velvet noir portrait, a singer between two songs"
    assert prompts_made(recipient, shared, tmp_path) == dict.fromkeys(RUN, prompt)


@pytest.mark.pipeline
def test_hostile_words_arrive_as_they_were_written(owner: Reader, tmp_path: Path) -> None:
    owner.edit("paper-cut", "trigger_phrase", HOSTILE_PHRASE)
    owner.edit("paper-cut", "example_prompts", [HOSTILE_PROMPT])
    expected = f"{HOSTILE_PHRASE}, {HOSTILE_PROMPT}"
    assert prompts_made(owner, "paper-cut", tmp_path) == dict.fromkeys(RUN, expected)


@pytest.mark.pipeline
def test_refusals_and_bad_ends_are_printed(owner: Reader, tmp_path: Path) -> None:
    owner.edit("paper-cut", "example_prompts", ["something [request moderated]"])
    texts = owner.texts("paper-cut")
    for language, status, out in run_each(texts, owner.organization["api_key"], tmp_path):
        assert "Request Moderated" in out, language
        assert (status == 0) is (language == "curl")
    for language, status, out in run_each(texts, "bfl_wrong", tmp_path):
        assert "Not authenticated" in out, out
        assert (status == 0) is (language == "curl")


@pytest.mark.skipif(NODE is None, reason="No node: the JavaScript example did not run (apt-get install nodejs).")
def test_javascript_was_among_them() -> None:
    assert "javascript" in RUN
