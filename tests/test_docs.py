"""README.md keeps up with the code: it names every setting, every option of `up` and every /v1 route."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from dashboard.env import OPTIONS, Env

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield path
        else:
            yield from routes(pattern, path)


def v1_routes() -> list[str]:
    """As a caller writes them; `<uuid:id>` becomes `{id}`. The pages of the API's own documentation are none."""
    found = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path) for path in routes(get_resolver())}
    return sorted(f"/{path}" for path in found if re.match(r"v1/(?!docs|openapi\.json|$)", path))


def test_the_walk_finds_the_routes_of_generations_and_results() -> None:
    assert {"/v1/flux-2-klein-4b-finetuned", "/v1/get_result", "/v1/credits"} <= set(v1_routes())


@pytest.mark.parametrize("variable", list(Env.model_fields))
def test_readme_names_the_setting(variable: str) -> None:
    assert f"`{variable}`" in README


@pytest.mark.parametrize("option", [*OPTIONS, "--no-demo"])
def test_readme_names_the_option_of_up(option: str) -> None:
    assert f"`{option}" in README


def test_readme_names_every_v1_route() -> None:
    assert [route for route in v1_routes() if route not in README] == []
