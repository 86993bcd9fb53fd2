"""The shape of the code: small files, short functions, names that say what is inside."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import modelassay

PACKAGE = Path(modelassay.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
SAYS_NOTHING = {"utils", "util", "helpers", "common", "base", "manager", "misc"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All definitions and imports; what they are made of is of no concern here."""
    return tuple(node for node in statements(tree(path)) if isinstance(node, Function | ast.ImportFrom))


def statements(of: ast.AST) -> Iterator[ast.AST]:
    """All in it, those within others too; expressions, which are most of a tree, are not gone into."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for part in getattr(of, name, ()):
            yield part
            yield from statements(part)


def functions() -> Iterator[tuple[str, Function]]:
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, Function):
                yield f"{path.relative_to(PACKAGE)}: {node.name}", node


def test_files_and_functions_are_short() -> None:
    files = [str(p) for p in MODULES if len(p.read_text("utf-8").splitlines()) > LONGEST_FILE]
    assert files == []
    long = [place for place, f in functions() if (f.end_lineno or 0) - f.lineno + 1 > LONGEST_FUNCTION]
    assert long == []


def test_modules_are_named_after_what_is_inside() -> None:
    assert [str(path) for path in PACKAGE.rglob("*") if path.stem in SAYS_NOTHING] == []
    assert [str(path) for path in MODULES if not ast.get_docstring(tree(path))] == []


def test_private_names_stay_in_their_module() -> None:
    taken = [
        f"{path.relative_to(PACKAGE)}: {alias.name}"
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    assert taken == []


def test_no_default_is_shared_between_calls() -> None:
    changing = (ast.List, ast.Dict, ast.Set)
    shared = [
        place
        for place, function in functions()
        for default in (*function.args.defaults, *function.args.kw_defaults)
        if isinstance(default, changing)
    ]
    assert shared == []
