"""What is about to be deployed, hashed, and held against what was audited."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from modelassay.artifacts.subjects import model_artifacts
from modelassay.canonical import digest_bytes
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.bundle import SUMS
from modelassay.evidence.statements import AdapterPart, Composition, VerdictStatement, composition_of
from modelassay.records import Artifact, TargetIdentity
from modelassay.records.audit import SECOND_DECODING

_WEIGHT = re.compile(r"-?\d{1,3}(\.\d{1,6})?", re.ASCII)
LARGEST_TEXT = 16 * 1024 * 1024
"""Bytes of a template, prompt or configuration file."""
_PARTS = ("tokenizer", "chat_template", "system_prompt", "quantisation", "generation_config")
_OPTIONS = {
    "chat_template": "--chat-template FILE",
    "system_prompt": "--system-prompt FILE",
    "generation_config": "--generation-config FILE",
    "quantisation": "--dtype NAME",
}
_MOST_NAMED = 8


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """A model with all that decides its answers, by digest."""

    artifacts: tuple[Artifact, ...]

    @property
    def composition(self) -> Composition:
        """Its parts, in the words of a verdict."""
        return composition_of(self.identity)

    @property
    def identity(self) -> TargetIdentity:
        """Itself, as an audit would have named it."""
        return TargetIdentity(
            reference=self.model.name,
            fingerprint=self.model.digest,
            strength="weights",
            artifacts=self.artifacts,
        )

    @property
    def model(self) -> Artifact:
        """The model's own folder."""
        return next(artifact for artifact in self.artifacts if artifact.kind == "model")

    @property
    def adapters(self) -> tuple[Artifact, ...]:
        """In the order of loading."""
        return tuple(artifact for artifact in self.artifacts if artifact.kind == "adapter")


def hash_deployed(
    model: Path,
    *,
    adapters: Sequence[tuple[Path, str]] = (),
    chat_template: Path | None = None,
    system_prompt: Path | None = None,
    generation_config: Path | None = None,
    dtype: str = "",
) -> Deployed:
    """Read and hash everything that will be loaded.

    Args:
        model: folder of the weights.
        adapters: folders and weights (decimal strings, ``1`` unless given), in the order of loading.
        chat_template: file that replaces the model's own.
        system_prompt: file with the text put before every conversation.
        generation_config: file that replaces the model's own.
        dtype: precision to load in; empty for that of the weights.

    Raises:
        UsageError: a folder or file is not there.
        EvidenceError: what is there cannot be vouched for: a link, no regular file, or changed meanwhile.
    """
    for folder in (model, *(path for path, _ in adapters)):
        if not folder.is_dir():
            raise UsageError("no such folder", where=str(folder), mend="name the folder that will be loaded")
    texts = _text(system_prompt), _text(chat_template)
    try:
        found = model_artifacts(
            model,
            adapters=[(path, weight or "1") for path, weight in adapters],
            system_prompt=texts[0],
            chat_template=texts[1],
            dtype=dtype,
        )
    except UsageError as error:
        raise EvidenceError(error.what, where=error.where, mend=error.mend) from error
    if generation_config is not None:
        data = _read(generation_config)
        replaced = Artifact(kind="generation_config", name=generation_config.name, digest=digest_bytes(data))
        found = (*(artifact for artifact in found if artifact.kind != "generation_config"), replaced)
    return Deployed(artifacts=found)


def read_adapter(text: str) -> tuple[Path, str]:
    """Folder and weight in ``PATH`` or ``PATH@W``; an empty weight is the adapter's own.

    Raises:
        UsageError: the weight is no decimal number.
    """
    path, at, weight = text.rpartition("@")
    if not at or Path(text).exists():
        return Path(text), ""
    if not _WEIGHT.fullmatch(weight):
        raise UsageError(f"{weight!r} is not the weight of an adapter", where=text, mend="such as PATH@0.5")
    return Path(path), weight


def require_same(deployed: Deployed, statement: VerdictStatement) -> str:
    """Prove that the verdict is about exactly this model and everything else that it answers with.

    Returns:
        One sentence that names it.

    Raises:
        EvidenceError: names every part that differs, and for folders the files.
    """
    audited, here = statement.predicate.facts.composition, deployed.composition
    if statement.predicate.facts.origin == "imported":
        raise EvidenceError(
            "the verdict rests on results of another tool, and nothing shows which weights gave them",
            mend="audit the weights themselves, with a local model",
        )
    if audited.strength == SECOND_DECODING:
        raise EvidenceError(
            "the verdict is of a noise floor, the baseline held against itself: no candidate was asked",
            mend="admit by the audit of the candidate",
        )
    if audited.strength != "weights":
        raise EvidenceError(
            f"the verdict rests on a {audited.strength}, not on weights",
            mend="audit the weights themselves, with a local model",
        )
    wrong = [
        *_model_differences(deployed, statement),
        *_adapter_differences(deployed, statement),
        *_part_differences(audited, here),
    ]
    if wrong:
        raise EvidenceError("not what was audited: " + "; ".join(wrong))
    adapters = f" with {len(here.adapters)} adapter(s) in order" if here.adapters else " without adapters"
    return f"exactly the audited weights {here.model}{adapters}, {len(deployed.model.files)} files"


def _model_differences(deployed: Deployed, statement: VerdictStatement) -> Iterator[str]:
    audited = statement.predicate.facts.composition
    if deployed.model.digest == audited.model:
        return
    files = dict(_audited_files(statement, ""))
    others = tuple(f"{adapter.name}/" for adapter in audited.adapters)
    files = {name: digest for name, digest in files.items() if not name.startswith(others)}
    yield f"the weights {deployed.model.name} ({differing_files(files, deployed.model.files)})"


def _adapter_differences(deployed: Deployed, statement: VerdictStatement) -> Iterator[str]:
    audited, here = statement.predicate.facts.composition.adapters, deployed.adapters
    if len(audited) != len(here):
        yield f"{len(here)} adapter(s) instead of {len(audited)}"
        return
    digests = [adapter.digest for adapter in audited], [adapter.digest for adapter in here]
    if digests[0] != digests[1] and sorted(digests[0]) == sorted(digests[1]):
        yield f"the adapters in another order than {', '.join(adapter.name for adapter in audited)}"
        return
    for number, (one, other) in enumerate(zip(audited, here, strict=True), 1):
        if one.digest != other.digest:
            files = dict(_audited_files(statement, f"{one.name}/"))
            yield f"adapter {number} {one.name} ({differing_files(files, other.files)})"
        weight = other.details.get("weight", "")
        if not _same_weight(one, weight):
            yield f"adapter {number} {one.name} with weight {weight or '1'} instead of {one.weight or '1'}"


def _part_differences(audited: Composition, here: Composition) -> Iterator[str]:
    for part in _PARTS:
        before, now = getattr(audited, part), getattr(here, part)
        if before != now:
            name = part.replace("_", " ")
            what = "is none" if not now else "was none" if not before else "differs"
            option = _OPTIONS.get(part)
            yield (
                f"the {name} {what} ({option} says which one is deployed)" if option else f"the {name} {what}"
            )


def differing_files(audited: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Which files differ, are missing or extra, for people."""
    groups = {
        "differs": sorted(name for name in audited.keys() & here.keys() if audited[name] != here[name]),
        "missing": sorted(audited.keys() - here.keys()),
        "extra": sorted(here.keys() - audited.keys()),
    }
    named = [f"{word}: {_shortened(names)}" for word, names in groups.items() if names]
    return "; ".join(named) or "the verdict does not list its files"


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _audited_files(statement: VerdictStatement, prefix: str) -> Iterator[tuple[str, str]]:
    """SHA-256 by file of the folder whose subjects begin with `prefix`."""
    for subject in statement.subject:
        name = subject.name.removeprefix(prefix)
        if subject.name.startswith(prefix) and name != SUMS:
            yield name, subject.digest["sha256"]


def _same_weight(audited: AdapterPart, weight: str) -> bool:
    try:
        return Decimal(audited.weight or "1") == Decimal(weight or "1")
    except InvalidOperation:
        return False


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return _read(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("is not UTF-8", where=str(path)) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_TEXT + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > LARGEST_TEXT:
        raise UsageError(f"is larger than {LARGEST_TEXT:,} bytes", where=str(path))
    return data
