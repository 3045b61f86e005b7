"""Fields made from the wire's schemas: each endpoint shows its own parameters, also what the page knows nothing of."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string

from dashboard.bfl.endpoints import BY_NAME, ENDPOINTS, Endpoint
from dashboard.bfl.inputs import MAX_PIXELS
from finetunes.models import Finetune
from playground.forms.generate import GenerateForm
from playground.forms.parameters import ELSEWHERE, fields_of
from playground.inputs import limits_of, schema_of
from playground.offered import Model
from tests.conftest import Cast

ULTRA = BY_NAME["flux-pro-1.1-ultra-finetuned"]
KLEIN = BY_NAME["flux-2-klein-4b-finetuned"]


class UltraForm(GenerateForm):
    """As if a finetune of ultra had been picked; none can be added yet."""

    def _pick(self, offered: Mapping[str, Iterable[Model]]) -> Model | None:
        return Model("any-ultra", "any-ultra", ULTRA, Finetune(name="any-ultra"))


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


def test_parameters_that_the_page_does_not_know_are_drawn_by_their_type(cast: Cast) -> None:
    form = UltraForm(caller=cast.organization)
    page = drawn(cast, form)
    for name in fields_of(ULTRA):
        assert page.count(f'name="{name}"') == 1
    assert 'type="checkbox" name="prompt_upsampling"' in page
    assert 'type="text" name="aspect_ratio" value="16:9"' in page
    assert "0.0 to 1.0" in page  # the weight of the reference image
    assert 'value="6"' in page  # its own most tolerant
    assert 'name="width"' not in page


def test_unknown_parameters_reach_the_call(cast: Cast) -> None:
    data = {"prompt": "a pier", "aspect_ratio": "9:16", "prompt_upsampling": "on", "image_prompt_strength": "0.5"}
    form = UltraForm({"model": "any-ultra", **data}, caller=cast.organization)
    assert form.is_valid(), form.errors
    [job] = form.jobs
    inputs: Any = job.inputs
    assert (inputs.aspect_ratio, inputs.prompt_upsampling, inputs.image_prompt_strength) == ("9:16", True, 0.5)
    wrong = UltraForm({"model": "any-ultra", **data, "aspect_ratio": "1:9"}, caller=cast.organization)
    assert wrong.errors["aspect_ratio"] == ["Aspect ratio should be between 21:9 and 9:21"]


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
