"""What others made for BFL's API and for OpenAI's, making images here with an own finetune and with a shared one."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from PIL import Image

from dashboard.demo import DemoFinetune
from tests.clients.installed import Clients, install
from tests.running import RunningUp

pytestmark = [pytest.mark.clients, pytest.mark.pipeline]
SECONDS = 120
# Credits for one image of a megapixel: of klein 4B by its owner, and of klein 9B by whom it is shared with.
PRICES = (1.4, 1.5)
# The same with a reference image, and an image of FLUX 1.1 [pro].
PRICES_OF_BLACKFOREST = (1.5 + 4, 1.7 + 4)


@dataclass(frozen=True)
class Caller:
    """An organization's key, and a finetune as it calls it."""

    api_key: str
    finetune_id: str
    endpoint: str
    base_url: str

    @property
    def credits(self) -> float:
        answer = requests.get(f"{self.base_url}/v1/credits", headers={"x-key": self.api_key}, timeout=SECONDS)
        return float(answer.json()["credits"])


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    return install(tmp_path_factory.mktemp("clients"))


@pytest.fixture
def callers(running_up: RunningUp) -> list[Caller]:
    """The owner with a finetune of its own, and another organization with one that is shared with it."""
    owner, recipient, *_ = running_up.demo["organizations"]
    finetunes = running_up.demo["finetunes"]
    [shared] = [each for each in finetunes if recipient["org_id"] in each["granted_to"]]
    own = next(each for each in finetunes if each["endpoint"].endswith("flux-2-klein-4b-finetuned"))
    return [
        _caller(running_up, owner["api_key"], own, own["finetune_id"].rpartition("/")[2]),
        _caller(running_up, recipient["api_key"], shared, f"{shared['owner_org_id']}/{_name_of(shared)}"),
    ]


def _caller(up: RunningUp, api_key: str, finetune: DemoFinetune, finetune_id: str) -> Caller:
    return Caller(api_key, finetune_id, finetune["endpoint"].rpartition("/")[2], up.base_url)


def _name_of(finetune: DemoFinetune) -> str:
    return finetune["finetune_id"].rpartition("/")[2]


@pytest.mark.parametrize(
    ("script", "prices"),
    [
        ("with_black_forest_labs.py", PRICES),
        ("with_blackforest.py", PRICES_OF_BLACKFOREST),
        ("with_litellm.py", PRICES),
        ("with_openai.py", PRICES),
        ("with_ai_sdk.mjs", PRICES),
    ],
)
def test_client_generates_and_its_caller_pays(
    clients: Clients, callers: list[Caller], tmp_path: Path, script: str, prices: tuple[float, float]
) -> None:
    before = [caller.credits for caller in callers]
    images = [tmp_path / "own", tmp_path / "shared"]
    _run(clients.command(script), callers, images)
    for image in images:
        assert Image.open(image).convert("RGB").size >= (256, 256)
    paid = [round(had - caller.credits, 3) for had, caller in zip(before, callers, strict=True)]
    assert paid == [pytest.approx(price) for price in prices]


def _run(command: list[str], callers: list[Caller], images: list[Path]) -> None:
    calls = [
        {
            "api_key": caller.api_key,
            "endpoint": caller.endpoint,
            "finetune_id": caller.finetune_id,
            "image": str(image),
        }
        for caller, image in zip(callers, images, strict=True)
    ]
    told = {
        "BASE_URL": callers[0].base_url,
        "CALLS": json.dumps(calls),
        "BFL_API_KEY": callers[0].api_key,  # one of them will not be imported without
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks for its prices at every start
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(images[0].parent), **told}
    ended = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS
    )
    assert ended.returncode == 0, ended.stdout
