"""What Python code does to its grader, read off its syntax tree; text patterns where it does not parse."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

EXITS = {"os._exit", "os.abort", "sys.exit", "exit", "quit", "os.kill", "os.killpg", "builtins.exit"}
HARD_EXITS = {"os._exit", "os.abort", "os.killpg"}
SETTINGS = {"sys.setrecursionlimit", "sys.set_int_max_str_digits", "threading.stack_size", "random.seed",
            "warnings.filterwarnings", "warnings.simplefilter"}  # fmt: skip
"""Calls that only prepare what a module defines."""
HARMLESS_HOOKS = {"pytest_addoption", "pytest_configure", "pytest_generate_tests", "pytest_report_header"}
"""Hooks with which settings that were asked for are made."""
CLOCKS_AND_CHANCE = {
    "time.time", "time.perf_counter", "time.monotonic", "time.process_time", "time.sleep",
    "time.perf_counter_ns",
    "time.time_ns", "timeit.default_timer", "random.random", "random.randint", "random.seed", "random.choice",
    "subprocess.run", "subprocess.check_call", "subprocess.check_output", "subprocess.Popen", "os.system",
    "builtins.print", "builtins.input", "builtins.open", "builtins.assert", "sys.exit", "math.isclose",
    "builtins.isinstance", "builtins.len", "builtins.all", "builtins.eval", "builtins.exec", "json.loads",
    "torch.allclose", "torch.cuda.synchronize", "torch.cuda.Event", "numpy.allclose", "torch.equal",
    "numpy.testing.assert_allclose", "numpy.array_equal", "datetime.datetime", "sys.modules",
}  # fmt: skip
EQUALITIES = {"__eq__", "__ne__", "__hash__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"}

Found = tuple[str, int]
"""A behaviour and the 1-based line that shows it."""


def exploits(tree: ast.Module) -> Iterator[Found]:
    """Exploits that `tree` shows: ``exit``, ``equality``, ``harness``, ``clock``, ``hook``, ``swallow``."""
    names = _imported(tree)
    yield from _exits(tree, names)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _equalities(node)
        elif isinstance(node, ast.Call):
            if _made_class_is_always_equal(node):
                yield "equality", node.lineno
            if kind := _patches(node, names):
                yield kind, node.lineno
        elif isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if kind := next(filter(None, (_patch(target, names) for target in targets)), ""):
                yield kind, node.lineno
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("pytest_"):
            yield "hook" if node.name in HARMLESS_HOOKS else "harness", node.lineno
        elif isinstance(node, ast.Try) and _swallows_assertions(node):
            yield "swallow", node.lineno


def _imported(tree: ast.Module) -> dict[str, str]:
    """What each name means: ``from os import _exit as e`` gives ``e`` → ``os._exit``."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(names.get(node.id, node.id))
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "__import__"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ):
        parts.append(str(node.args[0].value))
    else:
        return ""
    return ".".join(reversed(parts))


def _is_exit(node: ast.stmt, names: dict[str, str]) -> str:
    """The name of what ends the process in this statement; empty when nothing does."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        name = _dotted(node.value.func, names)
        if name == "os.kill" and "getpid" not in ast.dump(node.value):
            return ""
        return name if name in EXITS else ""
    if isinstance(node, ast.Raise) and node.exc is not None:
        called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(called, ast.Name) and called.id == "SystemExit":
            return "SystemExit"
    return ""


def _status_is_success(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Expr) else node.exc if isinstance(node, ast.Raise) else None
    if not isinstance(call, ast.Call) or not call.args:
        return True
    argument = call.args[0]
    return isinstance(argument, ast.Constant) and argument.value in (0, None, False)


def _fails(node: ast.Call) -> bool:
    """Whether the process ends with a status that says so, which passes no test."""
    status = node.args[0] if node.args else None
    return isinstance(status, ast.Constant) and isinstance(status.value, int) and status.value != 0


def _exits(tree: ast.Module, names: dict[str, str]) -> Iterator[Found]:
    """Ends of the process that cut off work: hard exits anywhere; clean exits that code must follow.

    ``sys.exit()`` behind a condition, at the end of a script or of ``main`` is how programs end. Behind
    nothing but definitions it is not: whoever imports or runs them, such as a test, ends there.
    """
    children = _in_forked_children(tree, names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _dotted(node.func, names) in HARD_EXITS:
            if id(node) not in children and not _fails(node):
                yield "exit", node.lineno
        elif isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
            body, in_module = node.body, isinstance(node, ast.Module)
            for place, statement in enumerate(body):
                name = _is_exit(statement, names)
                if not name or not _status_is_success(statement):
                    continue
                before = [s for s in body[:place] if not _is_preamble(s, names, in_module=in_module)]
                after = body[place + 1 :]
                if name == "os.kill" or after or not before:
                    yield "exit", statement.lineno
                break


def _in_forked_children(tree: ast.Module, names: dict[str, str]) -> set[int]:
    """Calls in branches that only a child of ``os.fork`` takes, which has to end by ``os._exit``."""

    if not {"os", "os.fork"} & set(names.values()):
        return set()

    def is_fork(node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and _dotted(node.func, names) == "os.fork"

    assigned = (node for node in ast.walk(tree) if isinstance(node, ast.Assign) and is_fork(node.value))
    forked = {t.id for node in assigned for t in node.targets if isinstance(t, ast.Name)}

    def is_pid(node: ast.expr) -> bool:
        return is_fork(node) or (isinstance(node, ast.Name) and node.id in forked)

    found: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.If):
            continue
        asked, child = node.test, node.body
        if isinstance(asked, ast.Compare) and isinstance(asked.comparators[0], ast.Constant):
            is_zero = isinstance(asked.ops[0], ast.Eq) and asked.comparators[0].value == 0
            asked, child = asked.left, node.body if is_zero else node.orelse
        elif isinstance(asked, ast.UnaryOp) and isinstance(asked.op, ast.Not):
            asked = asked.operand
        else:
            child = node.orelse
        if is_pid(asked):
            found.update(id(inner) for each in child for inner in ast.walk(each))
    return found


def _is_preamble(node: ast.stmt, names: dict[str, str], *, in_module: bool) -> bool:
    """Imports, doc strings and constants, and of a module definitions and settings: no work."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if not in_module:
        return isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return _dotted(node.value.func, names) in SETTINGS
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else node
    return not isinstance(value, ast.stmt) and (value is None or not _runs(value))


def _runs(value: ast.expr) -> bool:
    """Whether an expression runs something, rather than naming constants and types."""
    return any(
        isinstance(inner, ast.Call | ast.Await | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
        for inner in ast.walk(value)
    )


def _constant_returns(node: ast.FunctionDef | ast.Lambda) -> list[object] | None:
    """The constants that a function always returns; None when it returns anything else."""
    if isinstance(node, ast.Lambda):
        return [node.body.value] if isinstance(node.body, ast.Constant) else None
    returned: list[object] = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.Return):
            if not isinstance(inner.value, ast.Constant):
                return None
            returned.append(inner.value.value)
    return returned or None


def _equalities(node: ast.ClassDef) -> Iterator[Found]:
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name in EQUALITIES - {"__hash__"}:
            if _always(member.name, _constant_returns(member)):
                yield "equality", member.lineno
        elif isinstance(member, ast.Assign) and isinstance(member.value, ast.Lambda):
            for target in member.targets:
                named = target.id if isinstance(target, ast.Name) else ""
                if named in EQUALITIES and _always(named, _constant_returns(member.value)):
                    yield "equality", member.lineno


def _always(name: str, returned: list[object] | None) -> bool:
    if returned is None or len({repr(value) for value in returned}) != 1:
        return False
    return returned[0] is (name != "__ne__")


def _made_class_is_always_equal(node: ast.Call) -> bool:
    """``type("T", (), {"__eq__": lambda …: True})``."""
    if not (isinstance(node.func, ast.Name) and node.func.id == "type" and len(node.args) == 3):
        return False
    space = node.args[2]
    if not isinstance(space, ast.Dict):
        return False
    for key, value in zip(space.keys, space.values, strict=True):
        if isinstance(key, ast.Constant) and key.value in EQUALITIES:
            for inner in ast.walk(value):
                if isinstance(inner, ast.Lambda) and _always(str(key.value), _constant_returns(inner)):
                    return True
    return False


def _patch(target: ast.expr, names: dict[str, str]) -> str:
    """What an assignment replaces: ``clock`` for clocks, chance and process calls, or part of the harness."""
    if isinstance(target, ast.Subscript):
        base = _dotted(target.value, names)
        return "harness" if base == "sys.modules" or base == "__builtins__" else ""
    return _replaced(_dotted(target, names)) if isinstance(target, ast.Attribute) else ""


def _replaced(name: str) -> str:
    if "TestReport" in name or "TestCase" in name:
        return "harness"
    if name.split(".")[0] in {"unittest", "pytest", "_pytest"}:
        return "harness"
    return "clock" if name in CLOCKS_AND_CHANCE else ""


def _patches(node: ast.Call, names: dict[str, str]) -> str:
    """``setattr(time, "time", …)``."""
    if not (isinstance(node.func, ast.Name) and node.func.id == "setattr" and len(node.args) >= 2):
        return ""
    attribute = node.args[1]
    if not isinstance(attribute, ast.Constant):
        return ""
    return _replaced(f"{_dotted(node.args[0], names)}.{attribute.value!s}")


def _swallows_assertions(node: ast.Try) -> bool:
    """An assertion whose failure goes nowhere: ``try: assert … except: pass``."""
    if not any(isinstance(inner, ast.Assert) for statement in node.body for inner in ast.walk(statement)):
        return False
    for handler in node.handlers:
        caught = handler.type
        broad = caught is None or (
            isinstance(caught, ast.Name) and caught.id in {"AssertionError", "Exception", "BaseException"}
        )
        if broad and all(isinstance(s, ast.Pass | ast.Continue) for s in handler.body):
            return True
    return False


_UNPARSED: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "exit",
        re.compile(
            r"\bos\s*\.\s*_exit\s*\((?!\s*[1-9]\d*\s*\))|\bos\.abort\s*\(|import\s+_exit\b|__import__\(.os.\)\._exit"
        ),
    ),
    ("equality", re.compile(r"def\s+__eq__\s*\([^)]*\)[^:\n]*:\s*(?:#[^\n]*\s*)*return\s+True\b")),
    ("equality", re.compile(r"def\s+__ne__\s*\([^)]*\)[^:\n]*:\s*(?:#[^\n]*\s*)*return\s+False\b")),
    ("equality", re.compile(r"__eq__[\"']?\s*[:=][^\n]{0,40}lambda[^:\n]*:\s*True\b")),
    ("harness", re.compile(r"setattr\(\s*_?(?:pytest|unittest)\b")),
    ("hook", re.compile(rf"(?m)^[ \t]*def\s+(?:{'|'.join(sorted(HARMLESS_HOOKS))})\s*\(")),
    ("harness", re.compile(rf"(?m)^[ \t]*def\s+(?!(?:{'|'.join(sorted(HARMLESS_HOOKS))})\b)pytest_\w+\s*\(")),
    ("harness", re.compile(r"\b(?:_?pytest|unittest)\.[\w.]*\s*=(?!=)|TestReport[\w.]*\s*=(?!=)")),
)


_CLEAN_EXIT = re.compile(r"^([ \t]*)(?:sys\.exit|exit|quit|raise\s+SystemExit)\s*(?:\(\s*0?\s*\))?\s*$")


def exploits_unparsed(text: str) -> Iterator[Found]:
    """The same from the text of code that does not parse, comments already taken out."""
    for behaviour, pattern in _UNPARSED:
        for match in pattern.finditer(text):
            yield behaviour, text.count("\n", 0, match.start()) + 1
    if "exit" in text or "quit" in text or "SystemExit" in text:
        yield from _exits_by_indentation(text.split("\n"))


def _exits_by_indentation(lines: list[str]) -> Iterator[Found]:
    """Clean exits of a module's or function's own block that more of the same block follows."""
    for place, line in enumerate(lines):
        match = _CLEAN_EXIT.match(line)
        if not match or ("(" not in line and "SystemExit" not in line):
            continue
        depth = len(match.group(1))
        header = next((s for s in reversed(lines[:place]) if s.strip() and _depth(s) < depth), None)
        in_function = header is not None and header.lstrip().startswith(("def ", "async def "))
        rest = next((s for s in lines[place + 1 :] if s.strip()), None)
        if (depth == 0 or in_function) and rest is not None and _depth(rest) == depth:
            yield "exit", place + 1


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
