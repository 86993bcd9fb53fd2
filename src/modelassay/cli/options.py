"""Options that several commands share, and how results reach stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelassay.cli.streams import let_stdout_go
from modelassay.errors import ModelassayError, StoreError, UsageError

if TYPE_CHECKING:
    from modelassay.audit import Places
    from modelassay.protocols import Renderer
    from modelassay.records import AuditRecord

F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P", bound="Path | tuple[Path, ...] | None")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")

store_option = click.option(
    "--store",
    type=click.Path(path_type=Path),
    envvar="MODELASSAY_STORE",
    help="Folder with the journal and the audits. [default: the plan's, else ./assay]",
)

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="MODELASSAY_DATA",
    help="Folder with local copies of public datasets, read before anything is downloaded.",
)

offline_option = click.option("--offline", is_flag=True, help="Never download; fail instead.")

set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the plan; repeatable."
)

quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress, only the result.")


def plan_argument(function: F) -> F:
    """The plan's path, ``plan.yaml`` unless given."""
    return click.argument("plan", type=click.Path(path_type=Path), default=Path("plan.yaml"))(function)


def chosen_store(given: Path | None, planned: str = "assay") -> Path:
    """The store: option or environment first, then the plan's."""
    return given if given is not None else Path(planned)


def places_of(
    plan: Path, *, store: Path, data_dir: Path | None, offline: bool, quiet: bool = False
) -> Places:
    """Where the audit of `plan` reads and writes."""
    from modelassay.audit import Places
    from modelassay.suites import default_cache_dir

    return Places(
        plan_folder=plan.parent,
        store=store,
        data_dir=data_dir,
        cache_dir=default_cache_dir(),
        offline=offline,
        download_progress=None if quiet else print_download,
    )


def print_download(file: str, so_far: int, expected: int) -> None:
    """Tell of a download on stderr: on a terminal as it goes, elsewhere when it ends."""
    of = f" of {expected / 1e6:.1f}" if expected else ""
    line = f"downloading {file}: {so_far / 1e6:.1f}{of} MB"
    if sys.stderr.isatty():
        click.echo(f"\r{line}", err=True, nl=so_far == expected)
    elif so_far == expected:
        click.echo(line, err=True)


def report_writers(paths: Iterable[Path]) -> list[tuple[Path, Renderer]]:
    """Each report to write with its renderer; folders that are missing are made now.

    Called before anything is asked, so that no answer is paid for whose report cannot be written.

    Raises:
        UnknownNameError: a suffix that names no format.
        UsageError: a path that cannot be a file here.
    """
    from modelassay.report import renderer_for

    writers = [(path, renderer_for(str(path))) for path in paths]
    for path, _ in writers:
        _make_sure_of(path)
    return writers


def write_reports(writers: Iterable[tuple[Path, Renderer]], record: AuditRecord) -> None:
    """Write every report of `record`.

    Raises:
        StoreError: the disk is full or the file cannot be written.
    """
    for path, renderer in writers:
        try:
            path.write_bytes(renderer.render(record))
        except OSError as error:
            raise StoreError(
                f"the report cannot be written: {error.strerror}",
                where=str(path),
                mend=f"the audit is sealed; `modelassay report {record.id} -o FILE` writes it again",
            ) from error


def writable(context: click.Context, parameter: click.Parameter, value: P) -> P:
    """Callback of an option that names a file to write, or several: folders are made, and files made sure
    of, before anything is asked or logged.

    Raises:
        UsageError: no file can be written there.
    """
    for path in value if isinstance(value, tuple) else (value,):
        if path is not None:
            _make_sure_of(path, option=f"--{parameter.name} ")
    return value


def _make_sure_of(path: Path, option: str = "") -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        allowed = os.access(path if path.exists() else path.parent, os.W_OK)
        why = "is a folder, not a file" if path.is_dir() else "" if allowed else "may not be written here"
    except OSError as error:
        why = f"its folder cannot be made: {error.strerror}"
    if why:
        raise UsageError(why, where=f"{option}{path}", mend="name a file that can be written")


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """A reader that closes our stdout early, such as ``head -1``, does not change how a command ends."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        let_stdout_go()


def error_body(error: ModelassayError) -> dict[str, str]:
    """An error as every command's ``--json`` has it."""
    return {"what": error.what, "where": error.where, "mend": error.mend, "kind": type(error).__name__}


def print_json(value: Any) -> None:
    """`value` as one line of JSON on stdout: in UTF-8, which JSON is in, whatever the terminal's encoding."""
    import msgspec

    line = msgspec.json.encode(value) + b"\n"
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:  # a notebook's stdout takes text alone
        sys.stdout.write(line.decode())
    else:
        sys.stdout.flush()
        binary.write(line)
    sys.stdout.flush()
