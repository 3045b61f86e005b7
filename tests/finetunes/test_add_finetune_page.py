"""The Add Finetune form: its page without JavaScript, and the dialog over the list."""

import io
import json
import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from finetunes.checkpoints.writer import write_lora
from finetunes.models import Finetune, Upload
from finetunes.services import uploads
from tests.checkpoints import lora_shapes, make_file
from tests.conftest import Cast, log_in

ORIGIN = "http://testserver"


@pytest.fixture(scope="module")
def lora() -> bytes:
    file = io.BytesIO()
    write_lora(file, "flux-2-klein-4b", seed="page")
    return file.getvalue()


def form_url(cast: Cast) -> str:
    return reverse("finetune-add", args=[cast.organization.org_id])


def list_url(cast: Cast) -> str:
    return reverse("finetunes", args=[cast.organization.org_id])


def over(url: str) -> dict[str, str]:
    """The headers of an htmx request from the page at `url`."""
    return {"HX-Request": "true", "HX-Current-URL": ORIGIN + url}


def post(cast: Cast, content: bytes | None, *, headers: dict[str, str] | None = None, **changes: Any) -> Any:
    fields: dict[str, Any] = {
        "name": "linocut",
        "base_model": "flux-2-klein-4b",
        "precision": "fp8",
        "trigger_phrase": "LNCT",
        **changes,
    }
    if content is not None:
        fields["checkpoint"] = SimpleUploadedFile("linocut.safetensors", content)
    return log_in(cast.developer.user).post(form_url(cast), fields, headers=headers or {})


def control(page: str, name: str) -> str:
    found = re.search(rf'<(?:input|select)[^>]*name="{name}"[^>]*>', page)
    assert found, f"{name} is not on the page"
    return found[0]


def test_form_is_a_page_of_its_own(cast: Cast) -> None:
    page = log_in(cast.developer.user).get(form_url(cast)).content.decode()
    assert page.count("<h1") == 1
    assert 'method="post" enctype="multipart/form-data"' in page
    assert 'type="file"' in control(page, "checkpoint")
    assert re.search(r'<option value="fp8" selected', page)


def test_htmx_gets_the_dialog(cast: Cast) -> None:
    page = log_in(cast.developer.user).get(form_url(cast), headers=over(list_url(cast))).content.decode()
    assert 'id="dialog-title"' in page
    assert "csrfmiddlewaretoken" in page
    assert "<html" not in page


def test_post_adds_the_finetune_and_returns_to_the_list(cast: Cast, lora: bytes) -> None:
    response = post(cast, lora)
    assert (response.status_code, response["Location"]) == (302, list_url(cast))
    finetune = Finetune.objects.get(name="linocut")
    assert finetune.organization == cast.organization
    assert (finetune.trigger_phrase, finetune.created_by) == ("LNCT", cast.developer.user)
    messages = [str(message) for message in get_messages(response.wsgi_request)]
    assert messages == ["linocut is in the catalog and ready to use."]


def test_dialog_closes_and_refreshes_the_list_beneath(cast: Cast, lora: bytes) -> None:
    response = post(cast, lora, headers=over(f"{list_url(cast)}?tab=owned"))
    assert json.loads(response["HX-Location"]) == {
        "path": list_url(cast),
        "target": "#catalog",
        "swap": "outerHTML",
    }
    assert "dialog:close" in json.loads(response["HX-Trigger"])


def test_refreshed_list_brings_its_toast(cast: Cast, lora: bytes) -> None:
    client = log_in(cast.developer.user)
    fields = {"name": "linocut", "base_model": "flux-2-klein-4b", "precision": "fp8"}
    client.post(
        form_url(cast),
        {**fields, "checkpoint": SimpleUploadedFile("a.safetensors", lora)},
        headers=over(list_url(cast)),
    )
    page = client.get(list_url(cast), headers=over(list_url(cast))).content.decode()
    assert 'hx-swap-oob="beforeend:#toasts"' in page
    assert "linocut is in the catalog" in page
    again = client.get(list_url(cast), headers=over(list_url(cast))).content.decode()
    assert "hx-swap-oob" not in again


def test_page_leaves_for_the_list_when_htmx_sent_it(cast: Cast, lora: bytes) -> None:
    response = post(cast, lora, headers=over(form_url(cast)))
    assert response["HX-Redirect"] == list_url(cast)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "Not a name!"}),
        ("name", {"name": "ink-portrait"}),
        ("base_model", {"base_model": ""}),
        ("base_model", {"base_model": "flux-1-dev"}),
        ("precision", {"precision": "bf16"}),
        ("trigger_phrase", {"trigger_phrase": "x" * 201}),
    ],
)
def test_refusal_stands_at_its_field(cast: Cast, lora: bytes, field: str, changes: dict[str, Any]) -> None:
    response = post(cast, lora, **changes)
    page = response.content.decode()
    assert response.status_code == 422
    assert 'aria-invalid="true"' in control(page, field)
    assert f"id_{field}_error" in control(page, field)
    assert f'id="id_{field}_error"' in page
    assert f'<a href="#id_{field}">' in page
    assert not Finetune.objects.filter(name="linocut").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_refused_checkpoint_loses_nothing_that_was_typed(cast: Cast, content: bytes | None) -> None:
    response = post(cast, content, headers=over(list_url(cast)))
    page = response.content.decode()
    assert response.status_code == 422
    assert 'aria-invalid="true"' in control(page, "checkpoint")
    assert 'value="linocut"' in control(page, "name")
    assert 'value="LNCT"' in control(page, "trigger_phrase")
    assert re.search(r'<option value="flux-2-klein-4b" selected', page)
    assert "<html" not in page


def upload_in(page: str) -> str:
    found = re.search(r'value="([0-9a-f-]{36})"', control(page, "upload"))
    assert found, "the form does not name an upload"
    return found[1]


def test_refusal_elsewhere_keeps_the_file(cast: Cast, lora: bytes) -> None:
    page = post(cast, lora, name="").content.decode()
    assert upload_in(page) == str(Upload.objects.get().pk)
    assert "linocut.safetensors" in page
    assert "already here" in page
    assert "required" not in control(page, "checkpoint")
    assert "LoRA for FLUX.2 [klein] 4B" in page
    assert "80 of 80 layers apply" in page


def test_kept_file_is_not_sent_twice(cast: Cast, lora: bytes) -> None:
    page = post(cast, lora, name="").content.decode()
    response = post(cast, None, upload=upload_in(page))
    assert response.status_code == 302
    finetune = Finetune.objects.get(name="linocut")
    assert finetune.checkpoint is not None
    assert finetune.checkpoint.bytes == len(lora)
    assert not Upload.objects.exists()


def test_refusal_by_the_services_keeps_the_file_as_well(cast: Cast, lora: bytes) -> None:
    page = post(cast, lora, base_model="flux-2-klein-9b").content.decode()
    assert "You chose FLUX.2 [klein] 9B" in page
    assert 'aria-invalid="true"' in control(page, "base_model")
    assert post(cast, None, upload=upload_in(page)).status_code == 302


def test_another_file_takes_the_place_of_the_kept_one(cast: Cast, lora: bytes) -> None:
    kept = upload_in(post(cast, lora, name="").content.decode())
    other = make_file(lora_shapes("flux2-klein-4b", rank=1))
    page = post(cast, other, name="", upload=kept).content.decode()
    assert upload_in(page) != kept
    assert Upload.objects.get().length == len(other)


def test_upload_that_is_gone_asks_for_the_file_again(cast: Cast) -> None:
    response = post(cast, None, upload="7d1c3c9a-55f4-4d8e-9a51-0b1de94c3f11")
    page = response.content.decode()
    assert response.status_code == 422
    assert "Choose it again" in page
    assert 'value="7d1c' not in page
    assert "required" in control(page, "checkpoint")


def test_upload_of_another_organization_is_as_good_as_gone(cast: Cast, lora: bytes) -> None:
    file = SimpleUploadedFile("a.safetensors", lora)
    foreign = uploads.receive(cast.outsider.organization, file, user=cast.outsider.user)
    response = post(cast, None, upload=str(foreign.pk))
    assert response.status_code == 422
    assert "Choose it again" in response.content.decode()
    assert Upload.objects.filter(pk=foreign.pk).exists()


def test_part_of_a_file_is_not_enough(cast: Cast, lora: bytes) -> None:
    upload = uploads.start(cast.organization, length=len(lora), user=cast.developer.user)
    response = post(cast, None, upload=str(upload.pk))
    assert response.status_code == 422
    assert "Only a part of this file is here" in response.content.decode()


def test_private_metadata_is_removed_when_asked(cast: Cast) -> None:
    content = make_file(lora_shapes("flux2-klein-4b", rank=1), {"ss_output_name": "/home/mira/linocut"})
    assert post(cast, content, strip_private="on").status_code == 302
    finetune = Finetune.objects.get(name="linocut")
    assert finetune.checkpoint is not None
    with finetune.checkpoint.file.open() as file:
        stored = file.read()
    assert b"/home/mira" in content
    assert b"/home/mira" not in stored
    assert len(stored) == len(content)


def test_private_metadata_is_shown_before_it_is_published(cast: Cast) -> None:
    content = make_file(lora_shapes("flux2-klein-4b", rank=1), {"ss_output_name": "/home/mira/linocut"})
    page = post(cast, content, name="", strip_private="on").content.decode()
    assert "/home/mira/linocut" in page
    assert "checked" in control(page, "strip_private")


def test_form_asks_for_the_file_without_a_script(cast: Cast) -> None:
    page = log_in(cast.developer.user).get(form_url(cast)).content.decode()
    assert "required" in control(page, "checkpoint")
    assert 'type="checkbox"' in control(page, "strip_private")


def test_refused_form_takes_the_focus(cast: Cast, lora: bytes) -> None:
    page = post(cast, lora, name="", headers=over(list_url(cast))).content.decode()
    focused = re.findall(r"<[^>]*\sautofocus[^>]*>", page)
    assert 'class="error-summary" role="alert" tabindex="-1"' in focused[0]


@pytest.mark.parametrize("who", ["viewer", "creator"])
def test_role_that_may_not_edit_is_refused(cast: Cast, lora: bytes, who: str) -> None:
    client = log_in(getattr(cast, who).user)
    fields = {"name": "linocut", "base_model": "flux-2-klein-4b", "precision": "fp8"}
    response = client.post(form_url(cast), {**fields, "checkpoint": SimpleUploadedFile("a.safetensors", lora)})
    assert response.status_code == 403
    assert not Finetune.objects.filter(name="linocut").exists()
