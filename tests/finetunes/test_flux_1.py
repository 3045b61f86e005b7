"""Finetunes of FLUX.1 [pro]: imported from the upstream's account, called on ultra and on fill, never uploaded."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from PIL import Image
from pytest_django.fixtures import Settings

from dashboard.lib.errors import InvalidInputError
from dashboard.organizations.services.keys import mint_api_key
from dashboard.sandbox.server import Sandbox
from finetunes.models import UPSTREAM_ALONE, Finetune
from finetunes.services.catalog import add_finetune
from finetunes.services.editing import edit_finetune
from finetunes.services.unattended import check_fields
from finetunes.services.upstream import Import, import_finetunes
from finetunes.services.versions import add_version
from finetunes.snippets import curl_snippet
from playground.forms.generate import GenerateForm
from playground.models import Generation, State
from playground.providers.base import get_provider
from tests.conftest import Cast, log_in
from tests.factories import lora_bytes, make_upload
from tests.playground.conftest import run_steps
from tests.playground.test_generate import picture

ULTRA = "/v1/flux-pro-1.1-ultra-finetuned"
FILL = "/v1/flux-pro-1.0-fill-finetuned"


@pytest.fixture
def account(settings: Settings) -> Iterator[Sandbox]:
    """An upstream that knows two finetunes, on a host of their own; the usual host knows none."""
    with (
        Sandbox(seconds=0.05, finetunes=["dog-portraits", "cat-portraits"], only_known=True) as regional,
        Sandbox(seconds=0.05, only_known=True) as usual,
    ):
        settings.UPSTREAM_IS_SANDBOX = False
        settings.BFL_API_URL = usual.url
        names = ("flux-pro-1.1-ultra-finetuned", "flux-pro-1.0-fill-finetuned", "my_finetunes", "finetune_details")
        settings.BFL_API_URLS = dict.fromkeys(names, regional.url)
        get_provider.cache_clear()
        yield regional
    get_provider.cache_clear()


@pytest.fixture
def dogs(cast: Cast, account: Sandbox) -> Finetune:
    [finetune] = import_finetunes(cast.organization, [Import("dog-portraits", "dogs", "flux-1-pro")], created_by=None)
    return finetune


def post(cast: Cast, path: str, **body: object) -> Any:
    secret = mint_api_key(cast.organization, "k")[1]
    sent = json.dumps({"prompt": "TOK in the rain", **body})
    return Client().post(path, sent, content_type="application/json", headers={"x-key": secret})


@pytest.mark.parametrize(
    ("path", "body", "size", "cost"),
    [
        (ULTRA, {"aspect_ratio": "21:9"}, (3120, 1328), 6000),
        (FILL, {"image": picture((1600, 1200)), "mask": picture((1600, 1200))}, (1600, 1200), 5000),
    ],
)
def test_imported_one_generates_on_ultra_and_on_fill(
    cast: Cast, dogs: Finetune, path: str, body: dict[str, str], size: tuple[int, int], cost: int
) -> None:
    answer = post(cast, path, finetune_id="dogs", **body)
    assert (answer.status_code, answer.json()["cost"]) == (200, cost / 1000)
    generation = run_steps(Generation.objects.get())
    assert (generation.state, generation.upstream_finetune_id) == (State.READY, "dog-portraits")
    assert (generation.width, generation.height) == size
    with default_storage.open(str(generation.image)) as file, Image.open(file) as image:
        assert image.size == size
    result = Client().get(f"/v1/get_result?id={generation.id}").json()["result"]
    assert list(result) == ["sample", "prompt", "seed", "start_time", "end_time", "duration"]


@pytest.mark.parametrize(("path", "extra"), [(ULTRA, {}), (FILL, {"image": picture((64, 64))})])
def test_wrong_pairs_are_refused_both_ways(cast: Cast, dogs: Finetune, path: str, extra: dict[str, str]) -> None:
    klein = post(cast, path, finetune_id="ink-portrait", **extra)
    assert (klein.status_code, klein.json()["detail"]) == (
        400,
        "ink-portrait is made for FLUX.2 [klein] 4B in FP8: call /v1/flux-2-klein-4b-finetuned with it.",
    )
    flux = post(cast, "/v1/flux-2-klein-4b-finetuned", finetune_id="dogs")
    assert (flux.status_code, flux.json()["detail"]) == (
        400,
        f"dogs is made for FLUX.1 [pro]: call {ULTRA} or {FILL} with it.",
    )
    assert not Generation.objects.exists()


def test_playground_and_example_call_ultra(cast: Cast, dogs: Finetune) -> None:
    form = GenerateForm({"model": "dogs", "prompt": "TOK"}, caller=cast.organization)
    assert form.is_valid(), form.errors
    assert form.endpoint.path == ULTRA
    assert ULTRA in curl_snippet(dogs, cast.organization)
    assert '"finetune_strength": 1.2' in curl_snippet(dogs, cast.organization)


def test_pages_show_no_precision_that_nobody_knows(cast: Cast, dogs: Finetune) -> None:
    client, org_id = log_in(cast.developer.user), cast.organization.org_id
    filtered = client.get(reverse("finetunes", args=[org_id]), {"base_model": "flux-1-pro"}).content.decode()
    own = client.get(reverse("finetune", args=[org_id, "dogs"])).content.decode()
    for page in (filtered, own):
        assert "FLUX.1 [pro]" in page
        assert 'class="precision"' not in page
    assert "ink-portrait" not in filtered


def test_checkpoint_is_never_taken_for_it(cast: Cast, dogs: Finetune) -> None:
    upload = make_upload(cast.organization, lora_bytes("klein"))
    given: dict[str, Any] = {"name": "dogs-2", "base_model": "flux-1-pro", "precision": "fp8", "trigger_phrase": ""}
    with pytest.raises(InvalidInputError, match="have no checkpoint"):
        add_finetune(cast.organization, upload, **given)
    with pytest.raises(InvalidInputError, match="have no checkpoint"):
        check_fields(cast.organization, {"base_model": "flux-1-pro"}, complete=False)
    with pytest.raises(InvalidInputError):
        add_version(dogs, upload)
    with pytest.raises(InvalidInputError, match="have no checkpoint"):
        edit_finetune(cast.finetune, {"base_model": "flux-1-pro"})
    answer = Client().patch(
        "/v1/finetunes/ink-portrait",
        {"base_model": "flux-1-pro"},
        content_type="application/json",
        headers={"x-key": mint_api_key(cast.organization, "k")[1]},
    )
    assert (answer.status_code, UPSTREAM_ALONE in answer.json()["message"]) == (422, True)


def test_forms_offer_it_where_there_is_no_checkpoint_alone(cast: Cast, dogs: Finetune) -> None:
    client, org_id = log_in(cast.developer.user), cast.organization.org_id
    offer = '<option value="flux-1-pro"'
    assert offer not in client.get(reverse("finetune-add", args=[org_id])).content.decode()
    described = client.post(reverse("finetune-import", args=[org_id]), {"chosen": ["cat-portraits"]})
    assert offer in described.content.decode()
    for name, is_offered in {"dogs": True, "ink-portrait": False}.items():
        field = client.get(reverse("finetune-field", args=[org_id, name, "serving"])).content.decode()
        assert (offer in field) == is_offered
    assert edit_finetune(dogs, {"base_model": "flux-2-klein-4b"})
    assert edit_finetune(dogs, {"base_model": "flux-1-pro"})
