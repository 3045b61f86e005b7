"""Preflight: what the server says of the first bytes of a file, before the rest is sent."""

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from pytest_django.fixtures import Settings

from dashboard.organizations.models import Membership
from finetunes.findings import propose_name
from finetunes.models import Checkpoint, Finetune, Upload
from finetunes.services import uploads
from tests.checkpoints import Shapes, full_shapes, header_bytes, loha_shapes, lokr_shapes, lora_shapes
from tests.conftest import Cast, log_in
from tests.factories import make_finetune

KLEIN_4B = lora_shapes("flux2-klein-4b")
KLEIN_9B = lora_shapes("flux2-klein-9b")
AMBIGUOUS = lora_shapes("flux2-klein-4b", targets="first attention")


def ask(member: Membership, cast: Cast, head: bytes, size: int, **fields: str) -> Any:
    body = {"size": str(size), "file_name": "linocut.safetensors", "head": SimpleUploadedFile("head", head), **fields}
    return log_in(member.user).post(reverse("finetune-preflight", args=[cast.organization.org_id]), body)


def ask_of(cast: Cast, shapes: Shapes, metadata: Mapping[str, str] | None = None, **fields: Any) -> Any:
    head, size = header_bytes(shapes, metadata)
    return ask(cast.developer, cast, head, size, **fields)


def finding_of(response: Any) -> dict[str, Any]:
    found = re.search(r'data-finding="([^"]*)"', response.content.decode())
    assert found
    finding: dict[str, Any] = json.loads(unescape(found[1]))
    return finding


def test_header_alone_tells_what_the_file_is(cast: Cast) -> None:
    response = ask_of(cast, KLEIN_9B, {"modelspec.trigger_phrase": "hrbr light"})
    finding = finding_of(response)
    assert response.status_code == 200
    assert finding["verdict"] == "found"
    assert finding["spoken"] == "LoRA for FLUX.2 [klein] 9B. 112 of 112 layers apply."
    assert finding["base_models"] == ["flux-2-klein-9b", "flux-2-klein-9b-kv", "flux-2-klein-base-9b"]
    assert finding["suggestions"] == {
        "name": "linocut",
        "base_model": "flux-2-klein-9b",
        "trigger_phrase": "hrbr light",
    }
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    ("head", "size", "words"),
    [
        (b"", 0, "This file is empty"),
        (b"GGUF" + b"\0" * 60, 4 * 2**30, "GGUF"),
        (b"\0" * 64, 4 * 2**30, "The header of this file is not valid"),
        (b"\xff" * 64, 10**9, "not a .safetensors file"),
        (header_bytes(KLEIN_4B)[0], header_bytes(KLEIN_4B)[1] - 5, "ends 5 bytes early"),
        (*header_bytes(lora_shapes("flux2-dev")), "FLUX.2 [dev]"),
        (*header_bytes(lora_shapes("flux1")), "FLUX.1"),
    ],
)
def test_wrong_file_is_refused_with_the_reason(cast: Cast, head: bytes, size: int, words: str) -> None:
    response = ask(cast.developer, cast, head, size)
    assert response.status_code == 422
    assert words in finding_of(response)["spoken"]
    assert finding_of(response)["verdict"] == "refused"
    assert finding_of(response)["suggestions"] == {}


def test_ambiguous_file_asks_for_the_base_model_and_says_why(cast: Cast) -> None:
    response = ask_of(cast, AMBIGUOUS)
    finding = finding_of(response)
    assert (response.status_code, finding["verdict"]) == (200, "closer")
    assert finding["suggestions"]["base_model"] == ""
    assert "Choose the base model that it was trained for." in finding["spoken"]
    page = response.content.decode()
    assert "Choose the base model that it was trained for." in page
    assert "have layers of these names and shapes alike" in page


def test_chosen_base_model_that_the_file_contradicts_is_told_at_its_field(cast: Cast) -> None:
    response = ask_of(cast, KLEIN_9B, base_model="flux-2-klein-4b")
    finding = finding_of(response)
    assert (response.status_code, finding["verdict"]) == (200, "closer")
    assert finding["errors"]["base_model"].startswith("You chose FLUX.2 [klein] 4B, whose layers are 3072 wide")
    assert finding["errors"]["base_model"] in finding["spoken"]


def test_what_is_dropped_or_private_is_shown(cast: Cast) -> None:
    response = ask_of(cast, KLEIN_4B, {"ss_output_name": "/home/<b>mira</b>/x"})
    page = response.content.decode()
    assert finding_of(response)["has_private"] is True
    assert "/home/&lt;b&gt;mira&lt;/b&gt;/x" in page
    assert "<b>mira" not in page
    assert finding_of(ask_of(cast, KLEIN_4B))["has_private"] is False
    assert "LoKr for" in finding_of(ask_of(cast, lokr_shapes("flux2-klein-4b")))["spoken"]


def test_file_over_the_limit_is_refused(cast: Cast, settings: Settings) -> None:
    settings.MAX_CHECKPOINT_BYTES = 2**20
    assert "a checkpoint may have 1.0" in finding_of(ask_of(cast, KLEIN_4B))["spoken"]


def test_whole_model_is_refused_for_what_it_is_and_not_for_its_size(cast: Cast) -> None:
    spoken = finding_of(ask_of(cast, full_shapes("flux2-klein-4b")))["spoken"]
    assert "This file is a whole model (FLUX.2 [klein] 4B) and not a LoRA." in spoken
    assert "a checkpoint may have" not in spoken


def test_warnings_of_a_file_that_is_refused_are_left_out(cast: Cast) -> None:
    response = ask_of(cast, loha_shapes("flux2-klein-4b"))
    assert "of kind LoHa" in finding_of(response)["spoken"]
    assert "are dropped" not in response.content.decode()


def test_file_over_the_quota_is_refused(cast: Cast) -> None:
    cast.organization.storage_quota_bytes = 2**20
    cast.organization.save()
    response = ask_of(cast, KLEIN_4B)
    assert response.status_code == 422
    assert "of its storage left" in finding_of(response)["spoken"]


def test_upload_that_goes_on_has_its_place_in_the_quota(cast: Cast) -> None:
    size = header_bytes(KLEIN_4B)[1]
    upload = uploads.start(cast.organization, length=size, user=cast.developer.user)
    cast.organization.storage_quota_bytes = size
    cast.organization.save()
    assert ask_of(cast, KLEIN_4B).status_code == 422
    assert ask_of(cast, KLEIN_4B, upload=str(upload.pk)).status_code == 200


def test_upload_that_goes_on_has_its_fields_checked(cast: Cast) -> None:
    fields: dict[str, Any] = {"name": "ink-portrait", "base_model": "flux-2-klein-4b", "precision": "fp8"}
    assert finding_of(ask_of(cast, KLEIN_4B, **fields))["errors"] == {}
    assert "ink-portrait" in finding_of(ask_of(cast, KLEIN_4B, is_final="on", **fields))["errors"]["name"]


def test_next_version_must_fit_the_finetune(cast: Cast) -> None:
    response = ask_of(cast, KLEIN_9B, version_of="ink-portrait")
    assert response.status_code == 422
    assert "FLUX.2 [klein] 4B" in finding_of(response)["spoken"]
    assert ask_of(cast, KLEIN_4B, version_of="ink-portrait").status_code == 200
    assert ask_of(cast, KLEIN_4B, version_of="no-such").status_code == 404
    spoken = finding_of(ask_of(cast, AMBIGUOUS, version_of="ink-portrait"))["spoken"]
    assert "Add it only if it was trained for the base model of this finetune." in spoken
    assert "Choose the base model" not in spoken


def same_weights(cast: Cast, member: Membership, digest: str, **fields: str) -> str:
    url = reverse("finetune-preflight", args=[member.organization.org_id])
    response = log_in(member.user).post(url, {"weights_sha256": digest, **fields})
    assert response.status_code == 200
    return re.sub(r"<[^>]*>|\s+", " ", response.content.decode())


def test_same_weights_are_named_within_the_organization_alone(cast: Cast) -> None:
    digest = "ab" * 32
    checkpoint = cast.finetune.checkpoint
    assert checkpoint is not None
    Checkpoint.objects.filter(pk=checkpoint.pk).update(weights_sha256=digest)
    said = same_weights(cast, cast.developer, digest)
    assert "ink-portrait" in said
    assert "Adding it again keeps one file under two names." in said
    assert "already, in one of its versions" in same_weights(cast, cast.developer, digest, version_of="ink-portrait")
    assert same_weights(cast, cast.developer, "cd" * 32).strip() == ""
    assert same_weights(cast, cast.outsider, digest).strip() == ""


@pytest.mark.parametrize("fields", [{"size": "-1"}, {"size": "x"}, {"base_model": "flux-1"}, {"weights_sha256": "z"}])
def test_nonsense_is_refused_without_a_panel(cast: Cast, fields: dict[str, str]) -> None:
    response = log_in(cast.developer.user).post(
        reverse("finetune-preflight", args=[cast.organization.org_id]), {"size": "1", **fields}
    )
    assert response.status_code == 422
    assert "data-finding" not in response.content.decode()


def test_more_than_a_header_is_not_read(cast: Cast) -> None:
    head, size = header_bytes(KLEIN_4B)
    assert ask(cast.developer, cast, head + b"\0" * 9 * 2**20, size).status_code == 200


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("Harbour_Light_000002400.safetensors", "harbour_light"),
        ("My LoRA (v2).safetensors", "my-lora-v2"),
        ("flower-step00001500.safetensors", "flower"),
        ("ink-portrait.safetensors", "ink-portrait-2"),
        ("../../etc/passwd", "passwd"),
        ("図.safetensors", ""),
        ("", ""),
        ("x" * 200 + ".safetensors", "x" * 60),
    ],
)
def test_name_is_proposed_from_the_file_name(cast: Cast, file_name: str, name: str) -> None:
    assert propose_name(cast.organization, file_name) == name
    assert Finetune.objects.owned_by(cast.organization).filter(name=name).exists() is False


def test_name_is_proposed_in_one_query_however_many_are_taken(cast: Cast, django_assert_num_queries: Any) -> None:
    for number in ("", *(f"-{number}" for number in range(2, 30))):
        make_finetune(cast.organization, f"ink{number}")
    with django_assert_num_queries(1):
        assert propose_name(cast.organization, "ink.safetensors") == "ink-30"
