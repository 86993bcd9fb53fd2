"""The documents say what is so: generated pages are current, what they name exists."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType

import click
import pytest

from modelassay import plugins
from modelassay.cli import COMMANDS, modelassay
from modelassay.config.schema import KINDS, json_schema
from modelassay.errors import ExitCode
from modelassay.evidence.bundle import FOLDERS, SEALED, UNSEALED

REPO = Path(__file__).resolve().parents[2]
DOCS = REPO / "docs"
PAGES = [REPO / "README.md", *sorted(DOCS.glob("*.md"))]
PATH = re.compile(r"\.?[\w./-]+(?:\.(?:py|md|json|yaml|sh|toml|txt|png|html|jsonl)|/)")
WRITTEN_BY_A_USER = {
    "our_prompts.jsonl",
    "plan.yaml",
    "policy.yaml",
    "report.html",
    "organisms/held_out.jsonl",
    "organism.json",
}
"""Named in the documents, and made by who follows them."""


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prose(page: Path) -> str:
    """The text of `page` without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def named_paths(page: Path) -> Iterator[str]:
    """Paths in back quotes and in links to this repository."""
    text = prose(page)
    for token in re.findall(r"`([^`\n]+)`", text):
        if PATH.fullmatch(token) and token not in WRITTEN_BY_A_USER:
            yield token
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if "://" not in target:
            yield target


def test_generated_pages_are_current(generate: ModuleType) -> None:
    for name, text in generate.pages().items():
        assert (DOCS / name).read_text("utf-8") == text, f"run `make docs`: docs/{name} is out of date"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page: Path) -> None:
    roots = (page.parent, REPO, REPO / "src" / "modelassay")
    missing = [path for path in named_paths(page) if not any((root / path).exists() for root in roots)]
    assert missing == []


def test_the_checks_above_read_what_they_should() -> None:
    assert "audit/conduct.py" in set(named_paths(DOCS / "architecture.md"))
    assert "docs/architecture.md" in set(named_paths(REPO / "README.md"))


def test_the_readme_names_every_command_and_exit_code() -> None:
    text = (REPO / "README.md").read_text("utf-8")
    assert {name for name in COMMANDS if f"`{name}`" not in text} == set()
    table = text[text.index("| exit code |") :].split("\n\n")[0]
    told = {int(number) for row in table.splitlines()[2:] for number in re.findall(r"\d+", row.split("|")[1])}
    assert told == {int(code) for code in ExitCode}


def test_the_readme_links_every_page() -> None:
    text = (REPO / "README.md").read_text("utf-8")
    assert [page.name for page in DOCS.glob("*.md") if f"(docs/{page.name})" not in text] == []


def test_the_floors_are_those_that_are_checked() -> None:
    settings = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = {room.strip() for layer in layers for room in layer.split("|")}
    text = (DOCS / "architecture.md").read_text("utf-8")
    floors = text[text.index("## Floors") : text.index("## Where to look")]
    assert {room for room in rooms if not re.search(rf"\b{room}\b", floors)} == set()
    package = (REPO / "src" / "modelassay").iterdir()
    code = {path.stem for path in package if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert {name for name in code if not name.startswith("_")} - {"version"} == rooms


def test_the_reference_holds_every_key_plugin_and_variable() -> None:
    text = (DOCS / "reference.md").read_text("utf-8")
    for kind in KINDS:
        for definition in json_schema(kind)["$defs"].values():
            record = definition.get("anyOf", [definition])[-1]
            for key in record.get("properties", {}):
                assert f"| `{key}` |" in text, f"{kind}: {key}"
    for group in plugins.GROUPS:
        for name in plugins.names(group):
            assert f"- `{name}`: " in text, f"{group}: {name}"
    source = "".join(path.read_text("utf-8") for path in (REPO / "src").rglob("*.py"))
    variables = set(re.findall(r"\"((?:MODELASSAY|HF)_[A-Z_]+)\"", source))
    assert len(variables) >= 4
    assert {variable for variable in variables if variable not in text} == set()


def test_the_architecture_names_everything_on_disk() -> None:
    text = (DOCS / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"[\w.*<>/-]+", text[text.index("## On disk") : text.index("## Adding to it")]))
    sealed = {name for name in SEALED | UNSEALED if not any(fnmatch(name, each) for each in named)}
    assert sealed == set()
    assert {f"{folder}/" for folder in FOLDERS} <= {each.partition("/")[0] + "/" for each in named}
    source = "".join(path.read_text("utf-8") for path in (REPO / "src").rglob("*.py"))
    made = set(re.findall(r"\b(?:store|chosen_store\(\w+\)) / \"([\w.]+)\"", source))
    assert {"journal.db", "log", "audits", "labels"} < made
    tops = {each.partition("/")[0] for each in named}
    assert {name for name in made - tops if not name.startswith(".")} == set()


def test_every_command_under_another_is_in_the_reference() -> None:
    text = (DOCS / "reference.md").read_text("utf-8")

    def below(group: click.Group, path: str) -> Iterator[str]:
        with click.Context(group) as context:
            for name in group.list_commands(context):
                found = group.get_command(context, name)
                assert found is not None
                yield f"{path} {name}"
                if isinstance(found, click.Group):
                    yield from below(found, f"{path} {name}")

    names = list(below(modelassay, "modelassay"))
    assert {"modelassay population", "modelassay run list", "modelassay gate accept-risk"} < set(names)
    assert [name for name in names if not re.search(f"^### `{name}[ `]", text, re.MULTILINE)] == []
