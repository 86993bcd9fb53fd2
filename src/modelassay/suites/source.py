"""A public dataset: where it officially lives, what its bytes are, and how its rows become samples."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from modelassay.errors import DatasetError
from modelassay.records import Choice, Message, Sample, SampleKind, sample_id
from modelassay.suites.columns import Placed
from modelassay.suites.files import Row, read_rows

Host = Literal["github", "huggingface"]
Hosts = Mapping[Host, str]
"""Base URL of each host; tests and mirrors put their own here."""
OFFICIAL_HOSTS: Hosts = {
    "github": "https://raw.githubusercontent.com",
    "huggingface": "https://huggingface.co",
}
_LISTED = re.compile(r"^ *(?P<label>[A-Z]\.|\([A-Z]\)) *(?P<text>\S.*?) *$", re.MULTILINE)
_ARXIV = re.compile(r"arXiv:(?P<year>\d\d)(?P<month>\d\d)\.\d{4,5}", re.ASCII)
Values = Mapping[str, Any]
Adapter = Callable[[Values], Iterable[Sample]]
"""The samples that one row of a published file stands for, usually one."""


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a public repository at a revision."""

    host: Host
    repository: str
    revision: str
    """Commit; a branch name where no commit is known, and then the file is pinned on first download."""
    path: str

    def url(self, hosts: Hosts = OFFICIAL_HOSTS) -> str:
        """Where to fetch it."""
        base, path = hosts[self.host].rstrip("/"), quote(self.path)
        if self.host == "github":
            return f"{base}/{self.repository}/{self.revision}/{path}"
        return f"{base}/datasets/{self.repository}/resolve/{quote(self.revision, safe='')}/{path}"


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a source, and how to read it."""

    name: str
    """``folder/file`` under the data folder and the cache."""
    adapt: Adapter
    location: Location | None = None
    """None for a trimmed copy, which is never downloaded."""
    sha256: str = ""
    """Of the official bytes; empty where they were never seen, and then the first download is recorded."""
    bytes: int = 0
    """Official size; 0 when unknown."""
    rows: Callable[[Path], Iterator[Row]] = read_rows

    def placed(self, path: Path) -> Iterator[Placed]:
        """The samples of the copy at `path`, with their places.

        Raises:
            DatasetError: a row lacks a column or holds nothing to ask; upstream has changed its form.
        """
        for row in self.rows(path):
            try:
                for sample in self.adapt(row.values):
                    yield Placed(row.place, sample)
            except (KeyError, ValueError, TypeError, IndexError) as error:
                what = f"the row has no column {error}" if isinstance(error, KeyError) else str(error)
                raise DatasetError(
                    f"{what}, so this is not the published form of {self.name}",
                    where=row.place,
                    mend="fetch the official file, or use it as a local file with columns: {…}",
                ) from error


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A public dataset."""

    name: str
    title: str
    asks: str
    """What it asks of a model, in one clause."""
    licence: str
    citation: str
    homepage: str
    files: tuple[SourceFile, ...] = ()
    """The official files; empty where no official form is known to this version."""
    trimmed: tuple[SourceFile, ...] = ()
    """Files of a reduced copy, read from the data folder where the official ones are not there."""
    tags: tuple[str, ...] = ()
    """Tags that every sample of the official files carries."""
    gated: bool = False
    """Whether the host asks for an account that accepted the terms (``HF_TOKEN``)."""
    notes: tuple[str, ...] = ()
    """What to know before using it, such as a non-commercial licence."""

    @property
    def pinned(self) -> bool:
        """Whether the bytes of every official file are known to this version."""
        return bool(self.files) and all(file.sha256 for file in self.files)

    @property
    def published(self) -> str:
        """Month in which the paper that describes it was first on arXiv, ``YYYY-MM`` (arXiv's identifiers
        begin with it); empty where none is cited. Revisions of the files carry no day that could be vouched
        for."""
        cited = _ARXIV.search(self.citation)
        return f"20{cited['year']}-{cited['month']}" if cited else ""

    @property
    def locations(self) -> tuple[str, ...]:
        """URL of every official file."""
        return tuple(file.location.url() for file in self.files if file.location)


def github(repository: str, revision: str, path: str) -> Location:
    """A file of a GitHub repository."""
    return Location(host="github", repository=repository, revision=revision, path=path)


def huggingface(repository: str, revision: str, path: str) -> Location:
    """A file of a dataset on the Hugging Face hub."""
    return Location(host="huggingface", repository=repository, revision=revision, path=path)


def ask(
    prompt: str,
    *,
    kind: SampleKind,
    system: str = "",
    reference: str = "",
    context: str = "",
    choices: tuple[Choice, ...] = (),
    cluster: str = "",
    **tags: Any,
) -> tuple[Sample]:
    """One sample that puts `prompt`; tags without a value are left out.

    Raises:
        ValueError: `prompt` is empty.
    """
    before = (Message(role="system", content=system),) if system.strip() else ()
    return converse(
        (*before, Message(role="user", content=prompt)),
        kind=kind,
        reference=reference,
        context=context,
        choices=choices,
        cluster=cluster,
        **tags,
    )


def converse(
    messages: tuple[Message, ...],
    *,
    kind: SampleKind,
    reference: str = "",
    context: str = "",
    choices: tuple[Choice, ...] = (),
    cluster: str = "",
    **tags: Any,
) -> tuple[Sample]:
    """One sample that continues `messages`; tags without a value are left out.

    Raises:
        ValueError: the last turn is empty.
    """
    if not isinstance(messages[-1].content, str) or not messages[-1].content.strip():
        raise ValueError("there is nothing to ask")
    return (
        Sample(
            id=sample_id(messages, reference=reference, context=context, choices=choices),
            messages=messages,
            kind=kind,
            reference=reference,
            context=context,
            choices=choices,
            tags={name: str(value) for name, value in tags.items() if value not in ("", None)},
            cluster=cluster,
        ),
    )


def listed(*texts: str, style: str = "{}") -> tuple[Choice, ...]:
    """Options listed as A, B, C and so on, each label in `style`."""
    return tuple(
        Choice(label=style.format(letter), text=text)
        for letter, text in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", texts, strict=False)
    )


def listed_in(prompt: str) -> tuple[Choice, ...]:
    """The options that `prompt` lists on lines of their own as ``A. text`` or ``(A) text``, from A on.

    Raises:
        ValueError: fewer than two, or the letters are not in order.
    """
    found = tuple(
        Choice(label=match["label"].rstrip("."), text=match["text"]) for match in _LISTED.finditer(prompt)
    )
    letters = "".join(choice.label.strip("()") for choice in found)
    if len(found) < 2 or not "ABCDEFGHIJKLMNOPQRSTUVWXYZ".startswith(letters):
        raise ValueError(f"the options in {prompt!r} cannot be told")
    return found
