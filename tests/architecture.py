"""The rules that keep the tree in its shape, each a pure function from sources to what breaks it."""

import ast
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath

from tests.sources import Rule, Source, each_source, functions_of, length_of, lines_that_read

# Each may be imported by those that follow it.
LAYERS = (
    "dashboard.lib",
    "dashboard.bfl",
    "dashboard.organizations",
    "dashboard.billing",
    "dashboard.api",
    "finetunes",
    "playground",
)
SANDBOX = "dashboard.sandbox"
SANDBOX_MAY = ("dashboard.lib", "dashboard.bfl", SANDBOX)
# What wires everything together: it may import everything, and nothing imports it.
COMPOSITION_ROOT = (
    "dashboard.admin_site",
    "dashboard.apps",
    "dashboard.celery",
    "dashboard.checks",
    "dashboard.demo",
    "dashboard.env",
    "dashboard.management",
    "dashboard.running",
    "dashboard.settings",
    "dashboard.templatetags",
    "dashboard.urls",
    "dashboard.views",
    "dashboard.wsgi",
)
APPS = ("dashboard.organizations", "dashboard.billing", "dashboard.api", "finetunes", "playground")
ROOM_ORDER = {
    "models": 0,
    "queries": 1,
    "access": 2,
    "workflow": 3,
    "tasks": 4,
    "services": 5,
    "forms": 6,
    "views": 7,
    "api": 7,
    "urls": 8,
    "admin": 8,
}
EDGE_ROOMS = ("views", "api", "forms")
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc"}
# Other names for the rooms, as other projects call them.
ALIASES = {"model", "selectors", "managers", "permissions", "service", "logic", "handlers", "view", "form", "task"}
LEDGER_WRITES = {f"LedgerEntry.objects.{method}" for method in ("create", "bulk_create", "get_or_create")}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_TASK_LINES = 8


def is_within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def first_within(name: str, prefixes: Sequence[str]) -> str:
    return next((prefix for prefix in prefixes if is_within(name, prefix)), "")


def room_of(name: str) -> str:
    app = first_within(name, APPS)
    return name.removeprefix(app).lstrip(".").partition(".")[0] if app else ""


# --- Imports ---------------------------------------------------------------------------------------------------


@each_source
def imports_point_one_way(source: Source) -> Iterator[str]:
    layer = first_within(source.module, LAYERS)
    allowed = SANDBOX_MAY if is_within(source.module, SANDBOX) else LAYERS[: LAYERS.index(layer) + 1] if layer else ()
    if not allowed:
        return
    for line, name in source.imports:
        target = first_within(name, (*LAYERS, SANDBOX))
        if target and target not in allowed:
            yield source.at(line, f"{source.module} may not import {name}")


@each_source
def nothing_imports_the_composition_root(source: Source) -> Iterator[str]:
    if first_within(source.module, COMPOSITION_ROOT):
        return
    for line, name in source.imports:
        if first_within(name, COMPOSITION_ROOT):
            yield source.at(line, f"{name} belongs to the composition root")


@each_source
def every_module_has_a_place(source: Source) -> Iterator[str]:
    places = (*LAYERS, SANDBOX, *COMPOSITION_ROOT)
    if source.module != "dashboard" and not first_within(source.module, places):
        yield source.at(1, f"{source.module} lies in no layer")


@each_source
def rooms_import_in_order(source: Source) -> Iterator[str]:
    app, room = first_within(source.module, APPS), room_of(source.module)
    for line, name in source.imports if room in ROOM_ORDER else ():
        other = room_of(name)
        if is_within(name, app) and other != room and ROOM_ORDER.get(other, -1) >= ROOM_ORDER[room]:
            yield source.at(line, f"{room} may not import {other}")


def imports_have_no_cycle(sources: Sequence[Source]) -> list[str]:
    modules = {source.module for source in sources}
    graph = {source.module: {_known(name, modules) for _, name in source.imports} for source in sources}
    for module, targets in graph.items():
        targets -= {"", module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" -> ".join(reversed(error.args[1]))]
    return []


def _known(name: str, modules: set[str]) -> str:
    """The longest part of the name that is a module of ours."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


@each_source
def no_import_is_relative(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield source.at(node.lineno, "relative import")


@each_source
def no_import_stands_in_a_function(source: Source) -> Iterator[str]:
    for function in functions_of(source):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield source.at(node.lineno, f"import inside {function.name}")


# --- Names and sizes -------------------------------------------------------------------------------------------


@each_source
def files_have_a_name_of_their_own(source: Source) -> Iterator[str]:
    for part in PurePosixPath(source.path).with_suffix("").parts:
        if part in NAMELESS:
            yield source.at(1, f"{part} says nothing about what is in it")


@each_source
def rooms_have_their_names(source: Source) -> Iterator[str]:
    if room_of(source.module) in ALIASES:
        yield source.at(1, f"{room_of(source.module)} is another project's name for a room")


@each_source
def files_are_short(source: Source) -> Iterator[str]:
    if (lines := source.text.count("\n")) > MAX_FILE_LINES:
        yield source.at(1, f"{lines} lines in one file")


@each_source
def functions_are_short(source: Source) -> Iterator[str]:
    for function in functions_of(source):
        if (lines := length_of(function, function.lineno)) > MAX_FUNCTION_LINES:
            yield source.at(function.lineno, f"{function.name} has {lines} lines")


@each_source
def modules_say_what_lives_in_them(source: Source) -> Iterator[str]:
    if source.text.strip() and ast.get_docstring(source.tree) is None:
        yield source.at(1, "no docstring")


# --- Who may do what -------------------------------------------------------------------------------------------


@each_source
def objects_are_fetched_in_access_alone(source: Source) -> Iterator[str]:
    if room_of(source.module) != "access":
        yield from _mentions(source, "get_object_or_404")


@each_source
def the_edge_touches_no_manager(source: Source) -> Iterator[str]:
    if room_of(source.module) in EDGE_ROOMS:
        yield from (
            source.at(line, "a manager outside of models, queries and services")
            for line in lines_that_read(source, "objects")
        )


@each_source
def tasks_are_sent_by_tasks_alone(source: Source) -> Iterator[str]:
    if room_of(source.module) != "tasks":
        for method in ("delay", "apply_async"):
            yield from (source.at(line, f".{method} outside of tasks") for line in lines_that_read(source, method))


@each_source
def tasks_are_shells(source: Source) -> Iterator[str]:
    for function in functions_of(source):
        if any("shared_task" in ast.dump(decorator) for decorator in function.decorator_list):
            body = function.body[1:] if ast.get_docstring(function) else function.body
            if body and (lines := length_of(function, body[0].lineno)) > MAX_TASK_LINES:
                yield source.at(function.lineno, f"the task {function.name} has {lines} lines")


@each_source
def htmx_is_read_in_one_place(source: Source) -> Iterator[str]:
    if source.module != "dashboard.lib.htmx":
        yield from (
            source.at(line, "request.htmx outside of dashboard.lib.htmx") for line in lines_that_read(source, "htmx")
        )


def the_ledger_has_one_writer(sources: Sequence[Source]) -> list[str]:
    writes = [
        source.at(node.lineno, "LedgerEntry is written")
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in LEDGER_WRITES
    ]
    return [] if len(writes) == 1 and writes[0].startswith("dashboard/billing/services.py") else writes or ["no writer"]


def _mentions(source: Source, name: str) -> Iterator[str]:
    lines = {node.lineno for node in ast.walk(source.tree) if isinstance(node, ast.Name) and node.id == name}
    lines |= {line for line, imported in source.imports if imported.endswith(f".{name}")}
    yield from (
        source.at(line, f"{name} outside of access") for line in sorted(lines | set(lines_that_read(source, name)))
    )


CODE_RULES: tuple[Rule, ...] = (
    imports_point_one_way,
    nothing_imports_the_composition_root,
    every_module_has_a_place,
    rooms_import_in_order,
    imports_have_no_cycle,
    rooms_have_their_names,
    objects_are_fetched_in_access_alone,
    the_edge_touches_no_manager,
    tasks_are_sent_by_tasks_alone,
    tasks_are_shells,
    htmx_is_read_in_one_place,
    the_ledger_has_one_writer,
)
# These hold for the tests too.
EVERYWHERE: tuple[Rule, ...] = (
    no_import_is_relative,
    no_import_stands_in_a_function,
    files_have_a_name_of_their_own,
    files_are_short,
    functions_are_short,
    modules_say_what_lives_in_them,
)
