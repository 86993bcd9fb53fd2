"""The result of ``modelassay fingerprint`` for people."""

from __future__ import annotations

from typing import Any

import click

from modelassay.records import Artifact
from modelassay.report.text import visible

_MOST_NAMED = 20
_CHANGES = (
    ("changed", "changed"),
    ("drifted", "of another dtype or shape"),
    ("added", "added"),
    ("removed", "removed"),
    ("same", "the same"),
)


def print_fingerprint(result: dict[str, Any]) -> None:
    """Print what `fingerprint_command` found."""
    _line(f"{result['digest']}  {result['path']}")
    if "files" in result:
        left_out = f"; left out: {', '.join(result['excluded'])}" if result["excluded"] else ""
        _line(f"{len(result['files'])} files, {size_text(result['bytes'])}{left_out}")
        _line(f"recompute: {result['recompute']}")
    else:
        _line(f"rests on: {result['strength']}. Which weights stand behind a name, nobody outside can tell.")
    _line("")
    for artifact in result["artifacts"]:
        _line(_subject(artifact))
    _print_probe(result["artifacts"])
    if "tensors" in result:
        _line(f"{'tensors':17} {result['tensors']['identity']}  {result['tensors']['count']} tensors")
    if "changes" in result:
        _print_changes(result["changes"])
    _print_evidence(result)


def size_text(size: int) -> str:
    """Bytes for people, in powers of ten."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.2f} {unit}"
    return f"{size} bytes"


def _subject(artifact: Artifact) -> str:
    facts = [
        f"{name} {artifact.details[name]}"
        for name in ("weight", "dtype", "method", "loaded_as", "revision", "strength")
        if name in artifact.details
    ]
    told = f" ({', '.join(facts)})" if facts else ""
    return f"{artifact.kind.replace('_', ' '):17} {artifact.digest}  {artifact.name}{told}"


def _print_probe(artifacts: tuple[Artifact, ...]) -> None:
    for artifact in artifacts:
        if artifact.kind == "behaviour":
            repeated, asked = artifact.details["repeated"], artifact.details["questions"]
            _line(f"{repeated} of {asked} answers came out the same when asked twice.")
            _line(
                "Another digest shows that something changed; the same digest does not show that nothing did."
            )
            if repeated != asked:
                _line("The answers vary by themselves, so that another digest shows nothing either.")


def _print_changes(changes: dict[str, Any]) -> None:
    counts = ", ".join(f"{len(changes[kind])} {words}" for kind, words in _CHANGES)
    _line(f"\ntensors compared with {changes['base']}: {counts}")
    for kind, _ in _CHANGES[:-1]:
        for name in changes[kind][:_MOST_NAMED]:
            _line(f"  {kind:8} {name}")
        if len(changes[kind]) > _MOST_NAMED:
            _line(f"  {kind:8} … {len(changes[kind]) - _MOST_NAMED} more (--json names all)")


def _print_evidence(result: dict[str, Any]) -> None:
    if "sums_file" in result:
        _line(f"written: {result['sums_file']}")
    if "checked" in result:
        _line(f"exactly the {result['checked']['files']} files that {result['checked']['sums']} lists")
    if "signature" in result:
        signature = result["signature"]
        _line(f"signed by {signature['key']}: {signature['file']}")
        tool = f"model_signing verify key {result['path']} --signature {signature['file']}"
        _line(f"check: {tool} --public_key PUBLIC_KEY_FILE")
    if "verified" in result:
        verified = result["verified"]
        _line(f"signature holds: {verified['files']} files, signed by {verified['key']}")
        if verified["not_covered"]:
            _line(f"not covered by the signature: {', '.join(verified['not_covered'])}")


def _line(text: str) -> None:
    click.echo(visible(text))
