"""Fields made from the wire's schemas: each endpoint shows its own parameters, also what the page knows nothing of."""

from typing import Any

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string

from dashboard.bfl.endpoints import BY_NAME, ENDPOINTS, Endpoint
from dashboard.bfl.sizes import MAX_PIXELS
from finetunes.models import Finetune
from playground.forms.generate import GenerateForm
from playground.forms.parameters import ELSEWHERE, fields_of
from playground.inputs import limits_of, schema_of
from tests.conftest import Cast
from tests.factories import make_finetune

ULTRA = BY_NAME["flux-pro-1.1-ultra-finetuned"]
KLEIN = BY_NAME["flux-2-klein-4b-finetuned"]


@pytest.fixture
def ultra(cast: Cast) -> Finetune:
    return make_finetune(cast.organization, "any-ultra", base_model="flux-1-pro")


def drawn(cast: Cast, form: GenerateForm) -> str:
    context = {"form": form, "organization": cast.organization}
    return render_to_string("playground/_parameters.html", context)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_parameter_of_an_endpoint_has_a_field_within_its_limits(endpoint: Endpoint) -> None:
    fields = fields_of(endpoint)
    assert set(fields) == set(schema_of(endpoint)) - ELSEWHERE
    for name, field in fields.items():
        limits = limits_of(endpoint, name)
        for side, limit in (("min", limits.minimum), ("max", limits.maximum)):
            assert field.widget.attrs.get(side) in (limit, None)
        if limits.default is not None:
            assert field.initial == limits.default


def test_sides_know_how_many_pixels_are_the_most() -> None:
    assert fields_of(KLEIN)["width"].widget.attrs["data-most-pixels"] == MAX_PIXELS
    assert fields_of(KLEIN)["width"].widget.attrs["step"] == "16"


def test_sides_of_flux_1_have_limits_steps_and_defaults_of_their_own(cast: Cast) -> None:
    fields = fields_of(BY_NAME["flux-dev"])
    width = fields["width"].widget.attrs
    assert (width["min"], width["max"], width["step"], width["data-multiple-of"]) == (256, 1440, "32", 32)
    assert (fields["width"].initial, fields["height"].initial) == (1024, 768)
    form = GenerateForm({"model": "/v1/flux-dev", "prompt": "a pier", "width": "300"}, caller=cast.organization)
    assert form.errors["width"] == ["Use a multiple of 32."]
    page = drawn(cast, form)
    assert "Multiples of 32 from 256 to 1440." in page
    assert 'data-aspect="image"' not in page


@pytest.mark.parametrize(
    ("endpoint", "chosen", "initial"),
    [("flux-pro-1.1-ultra", "16:9 · 2720 × 1536", "16:9"), ("flux-kontext-pro", "As image 1, else 1:1", None)],
)
def test_ratios_are_offered_with_the_sizes_that_they_make(
    cast: Cast, endpoint: str, chosen: str, initial: str | None
) -> None:
    field = fields_of(BY_NAME[endpoint])["aspect_ratio"]
    assert field.initial == initial
    assert chosen in field.widget.render("aspect_ratio", initial)
    form = GenerateForm.from_link(QueryDict(f"model=/v1/{endpoint}&aspect_ratio=5:4"), caller=cast.organization)
    assert '<option value="5:4" selected>5:4</option>' in drawn(cast, form)


@pytest.mark.parametrize(
    ("endpoint", "most"),
    [("flux-2-pro", 8), ("flux-2-flex", 8), ("flux-kontext-max", 4), ("flux-pro-1.1", 1), ("flux-dev", 1)],
)
def test_form_takes_as_many_reference_images_as_the_endpoint(cast: Cast, endpoint: str, most: int) -> None:
    form = GenerateForm({"model": f"/v1/{endpoint}", "prompt": "x"}, caller=cast.organization)
    assert form.most_images == most


def test_parameters_that_the_page_does_not_know_are_drawn_by_their_type(cast: Cast, ultra: Finetune) -> None:
    form = GenerateForm.from_link(QueryDict("model=any-ultra&seed=1"), caller=cast.organization)
    page = drawn(cast, form)
    for name in fields_of(ULTRA):
        assert page.count(f'name="{name}"') == 1
    assert 'type="checkbox" name="prompt_upsampling"' in page
    assert '<option value="16:9" selected>' in page
    assert "0.0 to 1.0" in page  # the weight of the reference image
    assert 'value="6"' in page  # its own most tolerant
    assert 'name="width"' not in page


def test_unknown_parameters_reach_the_call(cast: Cast, ultra: Finetune) -> None:
    data = {"prompt": "a pier", "aspect_ratio": "9:16", "prompt_upsampling": "on", "image_prompt_strength": "0.5"}
    form = GenerateForm({"model": "any-ultra", **data}, caller=cast.organization)
    assert form.is_valid(), form.errors
    [job] = form.jobs
    inputs: Any = job.inputs
    assert (inputs.aspect_ratio, inputs.prompt_upsampling, inputs.image_prompt_strength) == ("9:16", True, 0.5)
    wrong = GenerateForm({"model": "any-ultra", **data, "aspect_ratio": "1:9"}, caller=cast.organization)
    assert wrong.errors["aspect_ratio"] == ["Use a ratio between 21:9 and 9:21."]


def test_each_field_tells_where_it_stands_untouched(cast: Cast) -> None:
    cast.finetune.recommended_strength = "0.85"
    cast.finetune.save()
    form = GenerateForm.from_link(
        QueryDict("model=ink-portrait&finetune_strength=0.5&seed=3"), caller=cast.organization
    )
    page = drawn(cast, form)
    assert 'name="finetune_strength" value="0.5"' in page
    assert 'data-default="0.85"' in page
    assert 'data-recommended="0.85"' in page
    assert 'name="seed" value="3"' in page
    assert 'data-default="1"' in page  # one image


def test_base_model_has_neither_strength_nor_a_recommendation(cast: Cast) -> None:
    form = GenerateForm.from_link(QueryDict("model=/v1/flux-2-klein-4b"), caller=cast.organization)
    page = drawn(cast, form)
    assert "strength" not in page.lower().replace("safety tolerance", "")
    assert page.count("data-aspect=") == 8
