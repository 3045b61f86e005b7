"""The demo room: what an empty database is given, and that a database in use is left alone."""

import json
import stat
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

from dashboard import demo
from dashboard.bfl.endpoints import BaseModel
from dashboard.billing.queries import balance_of, unbalanced_accounts
from dashboard.lib.credits import from_credits
from dashboard.organizations.models import Organization, User
from dashboard.organizations.queries import find_live_key, memberships_of
from dashboard.organizations.roles import Role
from finetunes.access import resolve_finetune
from finetunes.checkpoints.header import read_header
from finetunes.models import Finetune, Grant
from tests.factories import make_user

BASE_URL, SANDBOX_URL = "http://127.0.0.1:8000", "http://127.0.0.1:8001"


def make_demo(folder: Path) -> demo.Demo:
    made = demo.create_demo(folder, BASE_URL, SANDBOX_URL)
    assert made is not None
    return made


def organization_at(made: demo.Demo, index: int) -> Organization:
    return Organization.objects.get(org_id=made["organizations"][index]["org_id"])


def test_three_organizations_have_their_credits_and_keys(db: None, tmp_path: Path) -> None:
    made = make_demo(tmp_path)
    assert Organization.objects.count() == 3
    for index, told in enumerate(made["organizations"]):
        organization = organization_at(made, index)
        assert organization.name == told["name"]
        assert balance_of(organization) == from_credits(told["credits"])
        key = find_live_key(told["api_key"])
        assert key is not None
        assert key.organization == organization
    assert unbalanced_accounts() == []


def test_people_have_the_roles_and_the_password_that_are_told(db: None, tmp_path: Path) -> None:
    made = make_demo(tmp_path)
    for told in made["users"]:
        user = User.objects.get(email=told["email"])
        (membership,) = memberships_of(user)
        assert (membership.organization.org_id, membership.role) == (told["org_id"], told["role"])
        assert user.check_password(told["password"])
        assert not user.is_staff
    assert Role.ADMINISTRATOR in {told["role"] for told in made["users"]}


def test_the_operator_reaches_the_admin_and_belongs_to_no_organization(db: None, tmp_path: Path) -> None:
    told = make_demo(tmp_path)["operator"]
    operator = User.objects.get(email=told["email"])
    assert operator.is_superuser
    assert operator.is_staff
    assert operator.check_password(told["password"])
    assert memberships_of(operator) == []


def test_every_installation_has_passwords_of_its_own(db: None, tmp_path: Path) -> None:
    made = make_demo(tmp_path)
    passwords = {made["users"][0]["password"], made["operator"]["password"]}
    assert len(passwords) == 2
    assert {demo._new_password() for _ in range(50)}.isdisjoint(passwords)
    assert min(map(len, passwords)) >= 12


def test_checkpoints_are_real_files_that_the_catalog_accepts(db: None, tmp_path: Path) -> None:
    make_demo(tmp_path)
    finetunes = list(Finetune.objects.all())
    assert {BaseModel.KLEIN_4B, BaseModel.KLEIN_9B_KV} <= {finetune.base_model for finetune in finetunes}
    for finetune in finetunes:
        assert finetune.checkpoint
        with finetune.checkpoint.file.open("rb") as file:
            assert read_header(file, finetune.checkpoint.bytes).tensors
        assert finetune.base_model in finetune.checkpoint.base_models


def test_one_finetune_is_granted_and_one_is_official(db: None, tmp_path: Path) -> None:
    made = make_demo(tmp_path)
    owner, recipient, penniless = (organization_at(made, index) for index in range(3))
    (granted,) = [told for told in made["finetunes"] if told["granted_to"]]
    assert granted["granted_to"] == [recipient.org_id]
    assert resolve_finetune(recipient, f"{owner.org_id}/{granted['finetune_id']}").endpoint.name == granted["endpoint"]
    assert Grant.objects.count() == 1
    official = Finetune.objects.visible_to(penniless).get()
    assert official.is_official
    assert official.organization == owner


def test_demo_file_says_what_was_made_and_only_to_this_user(db: None, tmp_path: Path) -> None:
    made = make_demo(tmp_path)
    file = tmp_path / demo.FILE_NAME
    assert json.loads(file.read_text()) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [demo.FILE_NAME]


def test_a_database_with_people_is_left_alone(db: None, tmp_path: Path) -> None:
    make_user()
    assert demo.create_demo(tmp_path, BASE_URL, SANDBOX_URL) is None
    assert Organization.objects.count() == 0
    assert not (tmp_path / demo.FILE_NAME).exists()


def test_the_next_start_finds_the_demo_and_tells_todays_addresses(db: None, tmp_path: Path) -> None:
    made = make_demo(tmp_path)
    found = demo.resume_demo(tmp_path, "http://127.0.0.1:9000", None)
    assert found == {**made, "base_url": "http://127.0.0.1:9000", "sandbox_url": None}
    assert json.loads((tmp_path / demo.FILE_NAME).read_text()) == found


def test_a_demo_that_was_killed_before_its_finetunes_is_finished(db: None, tmp_path: Path) -> None:
    made = make_demo(tmp_path)
    finetunes = made["finetunes"]
    (tmp_path / demo.FILE_NAME).write_text(json.dumps({**made, "finetunes": []}))
    Finetune.objects.filter(name=finetunes[-1]["finetune_id"]).delete()
    found = demo.resume_demo(tmp_path, BASE_URL, SANDBOX_URL)
    assert found is not None
    assert found["finetunes"] == finetunes
    assert Finetune.objects.count() == len(finetunes)


def test_a_finetune_that_its_owner_deleted_stays_deleted(db: None, tmp_path: Path) -> None:
    made = make_demo(tmp_path)
    Finetune.objects.filter(name=made["finetunes"][0]["finetune_id"]).delete()
    demo.resume_demo(tmp_path, BASE_URL, SANDBOX_URL)
    assert Finetune.objects.count() == len(made["finetunes"]) - 1


def test_the_demo_file_of_another_database_is_not_believed(db: None, tmp_path: Path) -> None:
    made = make_demo(tmp_path)
    made["organizations"][0]["org_id"] = "elsewhere0"
    (tmp_path / demo.FILE_NAME).write_text(json.dumps(made))
    assert demo.resume_demo(tmp_path, BASE_URL, SANDBOX_URL) is None


def test_command_makes_the_demo_and_then_refuses_a_database_in_use(
    db: None, tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DATA_DIR, settings.UPLOADS_DIR = tmp_path / "data", tmp_path / "data" / "uploads"
    call_command("demo")
    told = json.loads((settings.DATA_DIR / demo.FILE_NAME).read_text())
    assert told["users"][0]["password"] in capsys.readouterr().out
    (settings.DATA_DIR / demo.FILE_NAME).unlink()
    with pytest.raises(SystemExit) as ended:
        call_command("demo")
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
