"""Demo data: what an empty database is given, and `demo.json`, which tells it to people and scripts."""

import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from django.contrib.auth.hashers import make_password
from django.core.files.base import File
from django.db import transaction

from dashboard.bfl.endpoints import BaseModel, Precision
from dashboard.billing.services import top_up
from dashboard.lib.credits import from_credits
from dashboard.organizations.models import Organization, User
from dashboard.organizations.queries import find_organization
from dashboard.organizations.roles import Role
from dashboard.organizations.services.keys import mint_api_key
from dashboard.organizations.services.members import add_member
from dashboard.organizations.services.organizations import create_organization
from finetunes.checkpoints.writer import write_lora
from finetunes.models import Finetune
from finetunes.queries import find_named
from finetunes.services.catalog import add_finetune, publish_official
from finetunes.services.editing import edit_finetune
from finetunes.services.grants import grant
from finetunes.services.labels import set_tags
from finetunes.services.uploads import receive

FILE_NAME = "demo.json"
OPERATOR = "operator@dashboard.example"
CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"


class DemoUser(TypedDict):
    email: str
    password: str
    org_id: str
    role: str


class DemoOrganization(TypedDict):
    org_id: str
    name: str
    api_key: str
    credits: int


class DemoFinetune(TypedDict):
    finetune_id: str
    owner_org_id: str
    base_model: str
    precision: str
    endpoint: str
    granted_to: list[str]


class DemoOperator(TypedDict):
    email: str
    password: str


class Demo(TypedDict):
    """The content of demo.json. `sandbox_url` is null where another upstream makes the images."""

    base_url: str
    sandbox_url: str | None
    users: list[DemoUser]
    organizations: list[DemoOrganization]
    finetunes: list[DemoFinetune]
    operator: NotRequired[DemoOperator]


@dataclass(frozen=True)
class Cast:
    """One organization to make: a person for each role, at an address of the organization's own."""

    name: str
    domain: str
    credits: int
    roles: tuple[Role, ...]


@dataclass(frozen=True)
class Lora:
    """One finetune to make for the first organization."""

    name: str
    base_model: BaseModel
    precision: Precision
    trigger_phrase: str
    description: str
    strength: str
    prompts: tuple[str, ...]
    tags: tuple[str, ...]
    granted: bool = False
    official: bool = False


OWNER = Cast(
    "Atelier Nord",
    "atelier-nord.example",
    500,
    (Role.ADMINISTRATOR, Role.DEVELOPER, Role.CREATOR, Role.VIEWER),
)
RECIPIENT = Cast("Bureau Delta", "bureau-delta.example", 250, (Role.ADMINISTRATOR, Role.CREATOR))
PENNILESS = Cast("Studio Zero", "studio-zero.example", 0, (Role.ADMINISTRATOR,))
LORAS = (
    Lora(
        "nordic-light",
        BaseModel.KLEIN_4B,
        Precision.FP8,
        "nordic light style",
        "Low sun, long shadows and **cold blues**: a style for landscapes and streets.\n\n"
        "- Works best with wide scenes\n- Faces stay as the base model draws them",
        "0.9",
        ("nordic light style, a harbour at dawn", "nordic light style, a cabin under tall pines"),
        ("style", "landscape"),
    ),
    Lora(
        "velvet-noir",
        BaseModel.KLEIN_9B_KV,
        Precision.BF16,
        "velvet noir portrait",
        "Portraits with one warm lamp and a dark room around it.",
        "1",
        ("velvet noir portrait, a singer between two songs",),
        ("portrait", "style"),
        granted=True,
    ),
    Lora(
        "paper-cut",
        BaseModel.KLEIN_9B,
        Precision.FP8,
        "paper cut collage",
        "Layered paper with visible edges. Ask for *few* objects; it fills the rest itself.",
        "1.1",
        ("paper cut collage, a fox in a birch wood",),
        ("style",),
        official=True,
    ),
)


def create_demo(data_dir: Path, base_url: str, sandbox_url: str | None) -> Demo | None:
    """Fills an empty database and writes demo.json; None where there are people or organizations already."""
    if User.objects.exists() or Organization.objects.exists():
        return None
    demo = _create_accounts(base_url, sandbox_url)
    _write(data_dir, demo)
    return _complete(data_dir, demo)


def resume_demo(data_dir: Path, base_url: str, sandbox_url: str | None) -> Demo | None:
    """What demo.json says of this database, with today's addresses; finishes a demo that a killed start left."""
    demo = _read(data_dir)
    if demo is None or any(find_organization(each["org_id"]) is None for each in demo["organizations"]):
        return None
    if (demo["base_url"], demo["sandbox_url"]) != (base_url, sandbox_url):
        demo["base_url"], demo["sandbox_url"] = base_url, sandbox_url
        _write(data_dir, demo)
    return demo if demo["finetunes"] else _complete(data_dir, demo)


@transaction.atomic
def _create_accounts(base_url: str, sandbox_url: str | None) -> Demo:
    password, own_password = _new_password(), _new_password()
    User.objects.create_superuser(OPERATOR, own_password)
    demo = Demo(base_url=base_url, sandbox_url=sandbox_url, users=[], organizations=[], finetunes=[])
    hashed = make_password(password)  # once for all: a hash takes as long as several pages
    for cast in (OWNER, RECIPIENT, PENNILESS):
        organization, people = _create_organization(cast, hashed)
        demo["organizations"].append(_open_for_programs(organization, cast, people[0][0]))
        demo["users"] += [
            DemoUser(email=user.email, password=password, org_id=organization.org_id, role=role.value)
            for user, role in people
        ]
    demo["operator"] = DemoOperator(email=OPERATOR, password=own_password)
    return demo


def _create_organization(cast: Cast, hashed: str) -> tuple[Organization, list[tuple[User, Role]]]:
    organization = create_organization(cast.name)
    people = []
    for role in cast.roles:
        user = User.objects.create(email=f"{role.value}@{cast.domain}", password=hashed)
        user.vouch_for_email()
        add_member(organization, user, role)
        people.append((user, role))
    if cast.credits:
        top_up(organization, from_credits(cast.credits), note="Demo credits")
    return organization, people


def _open_for_programs(organization: Organization, cast: Cast, administrator: User) -> DemoOrganization:
    _, secret = mint_api_key(organization, "Demo", created_by=administrator)
    return DemoOrganization(org_id=organization.org_id, name=organization.name, api_key=secret, credits=cast.credits)


def _complete(data_dir: Path, demo: Demo) -> Demo:
    """Adds the finetunes, whose files are stored outside of any transaction, and writes demo.json for good."""
    owner = Organization.objects.get(org_id=demo["organizations"][0]["org_id"])
    administrator = User.objects.get(email=demo["users"][0]["email"])
    recipient = demo["organizations"][1]["org_id"]
    demo["finetunes"] = [_add_lora(lora, owner, administrator, recipient) for lora in LORAS]
    _write(data_dir, demo)
    return demo


def _add_lora(lora: Lora, owner: Organization, administrator: User, recipient: str) -> DemoFinetune:
    if not find_named(owner, lora.name):
        _upload(lora, owner, administrator)
    finetune = Finetune.objects.owned_by(owner).get(name=lora.name)
    _describe(lora, finetune)
    if lora.granted:
        grant(finetune, recipient, granted_by=administrator)
    if lora.official:
        publish_official(finetune)
    return DemoFinetune(
        finetune_id=lora.name,
        owner_org_id=owner.org_id,
        base_model=lora.base_model.value,
        precision=lora.precision.value,
        endpoint=finetune.endpoint.name,
        granted_to=[recipient] if lora.granted else [],
    )


def _upload(lora: Lora, owner: Organization, administrator: User) -> None:
    with tempfile.TemporaryFile() as file:
        write_lora(file, lora.base_model, seed=lora.name, name=lora.name, trigger_phrase=lora.trigger_phrase)
        upload = receive(owner, File(file, f"{lora.name}.safetensors"), user=administrator)
    add_finetune(
        owner,
        upload,
        name=lora.name,
        base_model=lora.base_model,
        precision=lora.precision,
        trigger_phrase=lora.trigger_phrase,
        created_by=administrator,
    )


def _describe(lora: Lora, finetune: Finetune) -> None:
    changes = {
        "description": lora.description,
        "recommended_strength": lora.strength,
        "example_prompts": list(lora.prompts),
    }
    edit_finetune(finetune, changes)
    set_tags(finetune.organization, finetune, lora.tags)


def _new_password() -> str:
    """Three words that can be spoken and four digits: to be read off a screen. 50 bits."""
    words = ["".join(secrets.choice(CONSONANTS) + secrets.choice(VOWELS) for _ in range(2)) for _ in range(3)]
    return "-".join([*words, f"{secrets.randbelow(10_000):04d}"])


def _read(data_dir: Path) -> Demo | None:
    try:
        demo: Demo = json.loads((data_dir / FILE_NAME).read_text())
    except FileNotFoundError:
        return None
    return demo


def _write(data_dir: Path, demo: Demo) -> None:
    """Whole or not at all, and readable by this user alone: it holds passwords and keys."""
    descriptor, name = tempfile.mkstemp(prefix=".demo-", dir=data_dir)
    with os.fdopen(descriptor, "w") as file:
        json.dump(demo, file, indent=2)
    os.replace(name, data_dir / FILE_NAME)
