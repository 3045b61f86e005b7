"""Python files as the architecture rules see them."""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file of the project: its path from the root, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def module(self) -> str:
        parts = PurePosixPath(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """Line and dotted name of everything imported, as far as it is spelled: `a.b` for `from a import b`."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
        return found

    def at(self, line: int, what: str) -> str:
        return f"{self.path}:{line}: {what}"


Rule = Callable[[Sequence[Source]], list[str]]


def each_source(rule: Callable[[Source], Iterator[str]]) -> Rule:
    """A rule over one file, as a rule over all."""

    def over_all(sources: Sequence[Source]) -> list[str]:
        return [violation for source in sources for violation in rule(source)]

    over_all.__name__ = rule.__name__
    return over_all


@cache  # parsing them takes a second, and every rule reads them
def read_sources(root: Path, *folders: str) -> list[Source]:
    """Every Python file below the folders, without migrations, which are generated."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    kept = [path for path in paths if "migrations" not in path.parts]
    return [Source(path.relative_to(root).as_posix(), path.read_text()) for path in kept]


def functions_of(source: Source) -> Iterator[FunctionNode]:
    return (node for node in ast.walk(source.tree) if isinstance(node, FunctionNode))


def length_of(function: FunctionNode, first: int) -> int:
    """Lines of the function from line `first` to its end."""
    return (function.end_lineno or function.lineno) - first + 1


def lines_that_read(source: Source, attribute: str) -> list[int]:
    """Lines that read this attribute of anything."""
    return [n.lineno for n in ast.walk(source.tree) if isinstance(n, ast.Attribute) and n.attr == attribute]
