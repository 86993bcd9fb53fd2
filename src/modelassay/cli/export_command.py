"""``modelassay export``: a finished audit in the formats that other tools read."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store, json_option, print_json, reader_may_leave, store_option
from modelassay.errors import StoreError, UsageError

if TYPE_CHECKING:
    from modelassay.exports.formats import Choices
    from modelassay.exports.sarif import Waiver

NAMES = (
    "in-toto",
    "sigstore",
    "vsa",
    "cyclonedx",
    "croissant",
    "sarif",
    "junit",
    "model-card",
    "eval-results",
    "annex-iv",
    "inspect",
)
_ONLY_FOR = {
    "spec": ("cyclonedx",),
    "frameworks": ("annex-iv", "cyclonedx"),
    "location": ("sarif",),
    "dataset": ("croissant",),
    "side": ("inspect",),
}


@click.command("export")
@click.argument("audit")
@click.option("--format", "name", required=True, type=click.Choice(NAMES), help="What to write.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write. [default: stdout]")
@click.option("--spec", type=click.Choice(["1.6", "1.7"]), help="cyclonedx: version. [default: 1.6]")
@click.option(
    "--framework",
    "frameworks",
    multiple=True,
    help="annex-iv, cyclonedx: only this law or standard, such as eu-ai-act. Repeatable.",
)
@click.option("--location", help="sarif: file in the repository that results point to. [default: plan.yaml]")
@click.option("--dataset", help="croissant: which one, such as asked-1 or trained-on-2.")
@click.option(
    "--side",
    type=click.Choice(["candidate", "baseline"]),
    help="inspect: whose answers. [default: candidate]",
)
@store_option
@json_option
def command(
    audit: str,
    name: str,
    output: Path | None,
    spec: str | None,
    frameworks: tuple[str, ...],
    location: str | None,
    dataset: str | None,
    side: str | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Write AUDIT (an id, the start of one, or the path of a bundle) for another tool.

    Nothing is verified on the way: `modelassay verify` does that. A model card that exists is kept, save for
    the section of an earlier export. `annex-iv` writes HTML into files named so.

    \b
    modelassay export release-1 --format cyclonedx -o release-1.cdx.json
    modelassay export release-1 --format sarif --location ci/plan.yaml -o audit.sarif
    modelassay export bundle/ --format model-card -o README.md
    """
    from modelassay.exports.formats import export
    from modelassay.exports.sealed import find_audit

    options = {"spec": spec, "frameworks": frameworks, "location": location, "dataset": dataset, "side": side}
    given = {option: value for option, value in options.items() if value}
    for option in given:
        if name not in _ONLY_FOR[option]:
            raise UsageError(f"--{option.rstrip('s')} is of no use to {name}", mend="leave it out")
    if name == "inspect" and output is not None and output.suffix.lower() == ".eval":
        raise UsageError(
            "Inspect opens a file of this name as an archive, and its log is written as JSON",
            where=str(output),
            mend=f"name it {output.stem}.json; `inspect log convert --to eval` packs it",
        )
    if as_json and output is None:
        raise UsageError("--json says what was written, and nothing is", mend="name a file with -o")
    place = chosen_store(store)
    found = find_audit(audit, place)
    pieces = export(found, name, _choices(name, found.record.id, given, output, place))
    if output is None:
        with reader_may_leave():
            for piece in pieces:
                sys.stdout.buffer.write(piece)
        return
    size, digest = _write(output, pieces)
    if as_json:
        written = {"written": str(output), "bytes": size, "sha256": digest}
        print_json({"audit": found.record.id, "format": name, **written})
    else:
        click.echo(f"wrote {output}")


def _choices(name: str, audit: str, given: Mapping[str, object], output: Path | None, store: Path) -> Choices:
    """The options given, and what they leave to be read from files."""
    from modelassay.exports.formats import Choices

    chosen = Choices(**given)  # type: ignore[arg-type]
    return Choices(
        **given,  # type: ignore[arg-type]
        page=output is not None and output.suffix.lower() in {".html", ".htm"},
        line=_line_of(Path(chosen.location), "candidate:") if name == "sarif" else 1,
        waivers=_waivers(store, audit) if name == "sarif" else (),
        card=_text(output) if name == "model-card" and output and output.is_file() else "",
    )


def _line_of(path: Path, start: str) -> int:
    """The first line of `path` that begins with `start`; 1 where there is none."""
    if not path.is_file():
        return 1
    lines = path.read_text("utf-8", "replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.startswith(start)), 1)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("the model card is not UTF-8", where=str(path)) from error


def _waivers(store: Path, audit: str) -> list[Waiver]:
    """The waivers of `audit` in the log of `store` that hold today, none of them taken back."""
    from datetime import UTC, date, datetime

    from modelassay.evidence.events import WaiverGranted, WaiverWithdrawn, body_of, decode
    from modelassay.exports.sarif import Waiver
    from modelassay.log.reader import LogReader, log_exists

    folder = store / "log"
    if not log_exists(folder):
        return []
    granted: list[WaiverGranted] = []
    for event in (decode(entry) for entry in LogReader(folder).entries() if b'"waiver.' in entry):
        if event.kind == WaiverGranted.kind:
            granted.append(body_of(event, WaiverGranted))
        elif event.kind == WaiverWithdrawn.kind:
            gone = body_of(event, WaiverWithdrawn)
            granted = [each for each in granted if (each.payload, each.key) != (gone.payload, gone.key)]
    today = datetime.now(UTC).date()
    waivers = [Waiver(w.holder, w.reason, date.fromisoformat(w.expires)) for w in granted if w.audit == audit]
    return [waiver for waiver in waivers if waiver.expires > today]


def _write(path: Path, pieces: Iterable[bytes]) -> tuple[int, str]:
    """Write `path` whole or not at all; how many bytes, and their SHA-256 in hexadecimal.

    Raises:
        StoreError: it cannot be written.
    """
    draft = path.with_name(path.name + ".draft")
    hasher, size = hashlib.sha256(), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                hasher.update(piece)
                size += len(piece)
        draft.replace(path)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error
    finally:
        draft.unlink(missing_ok=True)
    return size, hasher.hexdigest()
