"""The project keeps the rules of `architecture.py`, and every rule is shown to fail on a planted violation."""

from pathlib import Path

import pytest

from tests import architecture
from tests.architecture import CODE_RULES, EVERYWHERE
from tests.sources import Rule, Source, read_sources

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("dashboard", "finetunes", "playground")
LONG_FUNCTION = "def f():\n" + "    pass\n" * 41
LONG_TASK = "@shared_task(bind=True)\ndef f(self):\n" + "    pass\n" * 9
LEDGER_WRITE = "LedgerEntry.objects.create(amount=1)"

# A rule, a file that breaks it, and one much like it that does not.
PLANTED: list[tuple[Rule, tuple[str, str], tuple[str, str]]] = [
    (
        architecture.imports_point_one_way,
        ("dashboard/billing/queries.py", "from finetunes.models import Finetune"),
        ("finetunes/queries.py", "from dashboard.billing.models import Account"),
    ),
    (
        architecture.imports_point_one_way,
        ("finetunes/services.py", "import playground.models"),
        ("playground/services.py", "import finetunes.models"),
    ),
    (
        architecture.imports_point_one_way,
        ("dashboard/sandbox/server.py", "from dashboard import organizations"),
        ("dashboard/sandbox/server.py", "from dashboard.bfl import schemas"),
    ),
    (
        architecture.imports_point_one_way,
        ("playground/providers/bfl.py", "from dashboard.sandbox.server import Sandbox"),
        ("dashboard/running/process.py", "from dashboard.sandbox.server import Sandbox"),
    ),
    (
        architecture.nothing_imports_the_composition_root,
        ("playground/tasks.py", "from dashboard.celery import app"),
        ("dashboard/running/worker.py", "from dashboard.celery import app"),
    ),
    (
        architecture.nothing_imports_the_composition_root,
        ("dashboard/organizations/services.py", "from dashboard import demo"),
        ("dashboard/organizations/services.py", "from dashboard import billing"),
    ),
    (
        architecture.every_module_has_a_place,
        ("dashboard/extras/models.py", ""),
        ("dashboard/billing/models.py", ""),
    ),
    (
        architecture.rooms_import_in_order,
        ("finetunes/queries.py", "from finetunes import services"),
        ("finetunes/services.py", "from finetunes import queries"),
    ),
    (
        architecture.rooms_import_in_order,
        ("playground/workflow.py", "from playground.tasks import submit"),
        ("playground/workflow.py", "from playground.models import Generation"),
    ),
    (
        architecture.rooms_import_in_order,
        ("finetunes/views.py", "from finetunes import api"),
        ("finetunes/views.py", "from dashboard import api"),
    ),
    (
        architecture.no_import_is_relative,
        ("finetunes/views.py", "from . import services"),
        ("finetunes/views.py", "from finetunes import services"),
    ),
    (
        architecture.no_import_stands_in_a_function,
        ("finetunes/views.py", "def f():\n    if True:\n        from finetunes import services"),
        ("finetunes/views.py", "if TYPE_CHECKING:\n    from finetunes import services"),
    ),
    (
        architecture.files_have_a_name_of_their_own,
        ("dashboard/lib/utils.py", ""),
        ("dashboard/lib/credits.py", ""),
    ),
    (
        architecture.files_have_a_name_of_their_own,
        ("tests/helpers/people.py", ""),
        ("tests/factories.py", ""),
    ),
    (
        architecture.rooms_have_their_names,
        ("finetunes/selectors.py", ""),
        ("finetunes/queries.py", ""),
    ),
    (
        architecture.files_are_short,
        ("finetunes/views.py", "x = 1\n" * 401),
        ("finetunes/views.py", "x = 1\n" * 400),
    ),
    (
        architecture.functions_are_short,
        ("finetunes/views.py", LONG_FUNCTION),
        ("finetunes/views.py", LONG_FUNCTION.removesuffix("    pass\n" * 2)),
    ),
    (
        architecture.modules_say_what_lives_in_them,
        ("finetunes/views.py", "x = 1"),
        ("finetunes/views.py", '"""Views."""\nx = 1'),
    ),
    (
        architecture.objects_are_fetched_in_access_alone,
        ("finetunes/views.py", "from django.shortcuts import get_object_or_404"),
        ("finetunes/access.py", "from django.shortcuts import get_object_or_404"),
    ),
    (
        architecture.objects_are_fetched_in_access_alone,
        ("finetunes/services.py", "shortcuts.get_object_or_404(Finetune)"),
        ("finetunes/services.py", "access.get_finetune(request)"),
    ),
    (
        architecture.the_edge_touches_no_manager,
        ("playground/api.py", "Generation.objects.all()"),
        ("playground/queries.py", "Generation.objects.all()"),
    ),
    (
        architecture.tasks_are_sent_by_tasks_alone,
        ("playground/services.py", "tasks.submit.delay(1)"),
        ("playground/tasks.py", "submit.delay(1)"),
    ),
    (
        architecture.tasks_are_sent_by_tasks_alone,
        ("playground/workflow.py", "submit.apply_async((1,))"),
        ("playground/workflow.py", "submit(1)"),
    ),
    (
        architecture.tasks_are_shells,
        ("playground/tasks.py", LONG_TASK),
        ("playground/tasks.py", LONG_TASK.removesuffix("    pass\n")),
    ),
    (
        architecture.htmx_is_read_in_one_place,
        ("finetunes/views.py", "def f(request):\n    return request.htmx"),
        ("dashboard/lib/htmx.py", "def f(request):\n    return request.htmx"),
    ),
    (
        architecture.the_ledger_has_one_writer,
        ("playground/workflow.py", LEDGER_WRITE),
        ("dashboard/billing/services.py", LEDGER_WRITE),
    ),
    (
        architecture.the_ledger_has_one_writer,
        ("dashboard/billing/services.py", f"{LEDGER_WRITE}\n{LEDGER_WRITE}"),
        ("dashboard/billing/services.py", LEDGER_WRITE),
    ),
]


@pytest.mark.parametrize("rule", CODE_RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps(rule: Rule) -> None:
    assert rule(read_sources(ROOT, *PACKAGES)) == []


@pytest.mark.parametrize("rule", EVERYWHERE, ids=lambda rule: rule.__name__)
def test_the_project_and_its_tests_keep(rule: Rule) -> None:
    assert rule(read_sources(ROOT, *PACKAGES, "tests")) == []


@pytest.mark.parametrize(("rule", "bad", "good"), PLANTED, ids=lambda each: getattr(each, "__name__", ""))
def test_a_planted_violation_is_found(rule: Rule, bad: tuple[str, str], good: tuple[str, str]) -> None:
    assert len(rule([Source(*bad)])) >= 1
    assert rule([Source(*good)]) == []


def test_a_planted_cycle_is_found() -> None:
    one = Source("finetunes/checkpoints/header.py", "from finetunes.checkpoints import store")
    two = Source("finetunes/checkpoints/store.py", "from finetunes.checkpoints.header import read_header")
    assert architecture.imports_have_no_cycle([one, two]) != []
    assert architecture.imports_have_no_cycle([one, Source(two.path, "")]) == []


def test_every_rule_is_planted_against() -> None:
    planted = {rule.__name__ for rule, _, _ in PLANTED} | {architecture.imports_have_no_cycle.__name__}
    assert planted == {rule.__name__ for rule in (*CODE_RULES, *EVERYWHERE)}


def test_packages_are_the_fixed_ones() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == {*PACKAGES, "tests"}
