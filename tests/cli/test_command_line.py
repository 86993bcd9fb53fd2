"""The command line as a user meets it: a real process, its streams and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from modelassay.cli import COMMANDS, modelassay

NO_NETWORK = """
import socket
def refuse(*arguments, **settings):
    raise AssertionError("a socket was opened")
socket.socket.connect = refuse
socket.socket.connect_ex = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
"""


def run(
    *arguments: str, cwd: Path | None = None, no_network: bool = False
) -> subprocess.CompletedProcess[str]:
    code = "from modelassay.cli import main; main()"
    if no_network:
        code = NO_NETWORK + code
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MODELASSAY")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


FEW = "".join(
    json.dumps({"prompt": f"{kind} request {number}", "kind": kind}) + "\n"
    for kind in ("harmful", "benign")
    for number in range(60)
)
"""Requests of which a plan is soon made; that of a whole suite simulates how many would have to be asked."""


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def here(command_line: Callable[..., Any]) -> Run:
    """How a command line ended in this process, where only what it says is the point."""

    def ended(*arguments: str, cwd: Path) -> Done:
        code, out, err = command_line(cwd, *arguments)
        return Done(code, out.decode(), err.decode())

    return ended


def test_help_is_light_and_opens_no_socket() -> None:
    heavy = ["torch", "numpy", "aiohttp", "jinja2", "rich", "transformers", "yaml", "asyncio"]
    code = (
        f"{NO_NETWORK}\nimport sys\nfrom modelassay.cli import run\nassert run(['--help']) == 0\n"
        f"print('LOADED', [m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout


@pytest.mark.parametrize(
    "arguments", [["list"], ["suite", "list"], ["plugins"], ["doctor"], ["schema", "plan"]]
)
def test_looking_things_up_is_light(arguments: list[str], tmp_path: Path) -> None:
    heavy = ["torch", "numpy", "aiohttp", "jinja2", "rich", "transformers"]
    code = (
        f"import sys\nfrom modelassay.cli import run\nassert run({arguments}) == 0\n"
        f"print('LOADED', [m for m in {heavy} if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_color_is_respected_on_a_terminal(no_color: str, coloured: bool) -> None:
    code = (
        "import click\nfrom modelassay import cli\n"
        "shown = click.Command('list', callback=lambda: click.secho('word', fg='red'))\n"
        "cli.CommandGroup.get_command = lambda *_: shown\n"
        "cli.main(['list'])"
    )
    reader, terminal = os.openpty()
    subprocess.run(
        [sys.executable, "-c", code],
        stdout=terminal,
        env={**os.environ, "NO_COLOR": no_color},
        check=True,
    )
    os.close(terminal)
    assert (b"\x1b[" in os.read(reader, 1000)) == coloured
    os.close(reader)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_json(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: modelassay " + name in done.stdout
    with click.Context(modelassay) as context:
        command = modelassay.get_command(context, name)
        assert command is not None
        for path, leaf in leaves(name, command):
            assert leaf.help, path
            assert any("--json" in option.opts for option in leaf.params), path


def leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Commands that do something: a group's, or the command itself."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    with click.Context(command) as context:
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from leaves(f"{path} {name}", inner)


def test_misspelt_commands_and_options_are_suggested() -> None:
    done = run("adit")
    assert done.returncode == 2
    assert "did you mean 'audit'" in done.stderr
    done = run("audit", "--sett", "x=1")
    assert done.returncode == 2
    assert "--set" in done.stderr
    assert "Traceback" not in done.stderr


def test_errors_are_one_json_object_under_json(tmp_path: Path) -> None:
    done = run("audit", "nowhere.yaml", "--json", cwd=tmp_path)
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert told["exit_code"] == 2
    assert told["error"]["where"] == "nowhere.yaml"


def test_init_writes_files_that_work_and_replaces_nothing(tmp_path: Path, here: Run) -> None:
    done = here("init", "release", "--baseline", "openai:a@http://127.0.0.1:9/v1", cwd=tmp_path)
    assert done.returncode == 0
    plan = (tmp_path / "release" / "plan.yaml").read_text()
    assert "model: openai:a@http://127.0.0.1:9/v1" in plan
    assert json.loads((tmp_path / "release" / "schemas" / "plan.schema.json").read_text())["title"]
    done = here("init", "release", cwd=tmp_path)
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert plan == (tmp_path / "release" / "plan.yaml").read_text()


@pytest.mark.slow
def test_plan_of_the_starter_suite_needs_no_network(tmp_path: Path, here: Run) -> None:
    assert here("init", cwd=tmp_path).returncode == 0
    done = run("plan", "plan.yaml", "--json", cwd=tmp_path, no_network=True)
    assert done.returncode == 0, done.stderr
    expected = json.loads(done.stdout)
    assert expected["samples"]["harmful"] >= 600
    assert expected["sides"][0]["requests"] == sum(expected["samples"].values())
    overall = [s for s in expected["slices"] if not s["slice"]]
    assert [s["kind"] for s in overall] == ["harmful", "benign", "attacked"]
    assert all(0 < s["smallest_drop"] < 0.1 for s in overall)
    (tmp_path / "few.jsonl").write_text(FEW)
    few = ("--set", "datasets=[few.jsonl]")
    done = run("plan", "plan.yaml", *few, cwd=tmp_path, no_network=True)
    assert "Smallest drop" in done.stdout
    assert not done.stdout.startswith("\x1b")


def test_plan_states_cost_when_prices_are_known(tmp_path: Path, here: Run) -> None:
    here("init", cwd=tmp_path)
    prices = [
        f"{side}.price={{input_per_million: 1, output_per_million: 2}}" for side in ("baseline", "candidate")
    ]
    (tmp_path / "few.jsonl").write_text(FEW)
    settings = [part for price in (*prices, "datasets=[few.jsonl]") for part in ("--set", price)]
    done = here("plan", "plan.yaml", "--json", *settings, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    side = json.loads(done.stdout)["sides"][0]
    assert float(side["cost"]) > 0
    assert float(side["most_cost"]) > float(side["cost"])


def test_contradictory_thresholds_are_refused_before_anything_is_asked(tmp_path: Path, here: Run) -> None:
    here("init", cwd=tmp_path)
    policy = tmp_path / "policy.yaml"
    policy.write_text(policy.read_text().replace("deploy: 5%", "deploy: 40%"))
    done = here("audit", "plan.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "deploy" in done.stderr
    assert not (tmp_path / "assay").exists()


def test_unknown_names_in_a_plan(tmp_path: Path, here: Run) -> None:
    here("init", cwd=tmp_path)
    for change, hint in (
        ("datasets[0]=startr", "did you mean 'starter'"),
        ("evaluators[0]=refusl", "did you mean 'refusal'"),
        ("baseline.model=opnai:x@http://127.0.0.1:9", "did you mean 'openai'"),
    ):
        done = here("audit", "plan.yaml", "--set", change, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert hint in done.stderr
        assert "Traceback" not in done.stderr


def test_listing_an_empty_store(tmp_path: Path, here: Run) -> None:
    done = here("list", "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == {"audits": [], "open": [], "aborted": [], "damaged": []}
    done = here("show", "nothing", cwd=tmp_path)
    assert done.returncode == 2
    assert "unknown audit" in done.stderr


def test_plugins_schema_and_doctor(tmp_path: Path, here: Run) -> None:
    listed = json.loads(here("plugins", "--json", cwd=tmp_path).stdout)
    assert {"openai", "hf", "inspect", "python"} <= set(listed["targets"])
    assert json.loads(here("schema", "policy", cwd=tmp_path).stdout)["title"] == "modelassay policy"
    facts = json.loads(run("doctor", "--json", cwd=tmp_path, no_network=True).stdout)
    assert facts["store_writable"] is True


def shown(
    store: Path, *arguments: str, encoding: str = "utf-8", out: Path | None = None
) -> tuple[int, bytes, str]:
    """Exit code, stdout and stderr of a command whose streams have `encoding`."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "MODELASSAY_STORE": str(store)}
    with (out or Path(os.devnull)).open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "modelassay", *arguments],
            env=environment,
            stdout=file if out else subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    return done.returncode, done.stdout or b"", done.stderr.decode()


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory, here: Run) -> Path:
    """A folder with a plan and few requests; what is planned of it has arrows and dashes."""
    folder = tmp_path_factory.mktemp("starter")
    assert here("init", cwd=folder).returncode == 0
    (folder / "few.jsonl").write_text(FEW)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "encoding",
    [
        "latin-1",
        pytest.param("cp1252", marks=pytest.mark.slow),
        pytest.param("ascii", marks=pytest.mark.slow),
    ],
)
def test_a_stream_that_lacks_letters_changes_no_exit_code(starter: Path, encoding: str) -> None:
    arguments = ("plan", str(starter / "plan.yaml"), "--offline", "--set", "datasets=[few.jsonl]")
    plain, wanted = (shown(starter, *arguments, encoding=each) for each in (encoding, "utf-8"))
    assert any(ord(letter) > 0xFF for letter in wanted[1].decode()), "nothing that needs another encoding"
    assert (plain[0], plain[2]) == (wanted[0], wanted[2])
    assert wanted[0] == 0
    whole, same = (shown(starter, *arguments, "--json", encoding=each)[1] for each in (encoding, "utf-8"))
    assert whole == same
    assert json.loads(whole)


def test_what_has_a_plain_form_is_read_as_that() -> None:
    code = "from modelassay.cli.streams import take_any_text; take_any_text(); print('90% → 80% ≥ … é 😀')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == "90% -> 80% >= ... \\xe9 \\U0001f600\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("more", [[], ["--json"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_under_stdout_is_one_message(
    tmp_path: Path, more: list[str], unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    code, _, told = shown(tmp_path, "plugins", *more, out=Path("/dev/full"))
    assert (code, told.count("error: "), "no space left on device" in told) == (1, 1, True)
    assert "Traceback" not in told
    assert "Exception ignored" not in told
    code, _, told = shown(tmp_path, "show", "nothing", *more, out=Path("/dev/full"))
    assert (code, "'nothing'" in told, "Traceback" in told) == (2, True, False)
