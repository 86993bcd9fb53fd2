"""Model references taken apart: addresses, options, and texts kept in files.

Every mistake is a `UsageError` that names the reference, what is wrong with it and the form that
would work. Nothing here opens a connection or reads weights.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec

from modelassay.config import ModelReference
from modelassay.errors import UnknownNameError, UsageError
from modelassay.weights.folders import local_folder

_SERVED = re.compile(r"(?P<model>.*?)@(?P<url>[A-Za-z][A-Za-z0-9+.-]*://.*)", re.DOTALL)


_SECRET = re.compile(
    r"(?:.*[_-])?(?:api[_-]?key|key|secret|password|passwd|token|sig|signature)", re.IGNORECASE
)


class ServedAddress(msgspec.Struct, frozen=True, kw_only=True):
    """``MODEL@BASE_URL``."""

    model: str
    base_url: str
    """Without a slash at its end; ``/chat/completions`` follows it."""
    query: str = ""
    """What follows ``?`` in the address, without it."""


class AdapterAddress(msgspec.Struct, frozen=True, kw_only=True):
    """``ADAPTER[@WEIGHT]``."""

    path: str
    """Local folder or hub id."""
    weight: str = "1"
    """Decimal string: what the adapter's own scale is multiplied by."""


class WeightsAddress(msgspec.Struct, frozen=True, kw_only=True):
    """``PATH_OR_HUB_ID[@REVISION][+ADAPTER[@WEIGHT]…]``."""

    base: str
    revision: str = ""
    adapters: tuple[AdapterAddress, ...] = ()
    """In the order in which they are named."""


class FunctionAddress(msgspec.Struct, frozen=True, kw_only=True):
    """``MODULE:CALLABLE``."""

    module: str
    name: str
    """Dotted path inside the module."""


def served_address(reference: ModelReference) -> ServedAddress:
    """The model name and base URL of an ``openai:`` reference."""
    form = "write openai:MODEL@BASE_URL, such as openai:my-model@http://localhost:8000/v1"
    match = _SERVED.fullmatch(reference.address)
    if match is None:
        raise UsageError("the base URL is missing", where=reference.model, mend=form)
    model, text = match["model"], match["url"]
    if not model:
        raise UsageError("the model name before @ is missing", where=reference.model, mend=form)
    try:
        url = urlsplit(text)
        host = url.hostname
        _ = url.port
    except ValueError as error:
        raise UsageError(f"the base URL is malformed: {error}", where=reference.model, mend=form) from error
    if url.username or url.password:
        shown = text.replace(f"{url.netloc}", f"…@{host}")
        raise UsageError(
            "the base URL holds a user name or password",
            where=f"openai:{model}@{shown}",
            mend="put the key into an environment variable and name it with api_key_env",
        )
    for name, _value in parse_qsl(url.query, keep_blank_values=True):
        if _SECRET.fullmatch(name):
            raise UsageError(
                f"the base URL holds a secret as {name!r}",
                where=f"openai:{model}@{text.partition('?')[0]}",
                mend="put the key into an environment variable and name it with api_key_env",
            )
    if url.scheme not in ("http", "https") or not host:
        raise UsageError("the base URL must start with http:// or https://", where=reference.model, mend=form)
    path = url.path.rstrip("/")
    if path.endswith("/chat/completions"):
        raise UsageError(
            "the base URL must end before /chat/completions",
            where=reference.model,
            mend=f"write openai:{model}@{url.scheme}://{url.netloc}{path.removesuffix('/chat/completions')}",
        )
    return ServedAddress(model=model, base_url=f"{url.scheme}://{url.netloc}{path}", query=url.query)


def weights_address(reference: ModelReference, *, folder: Path) -> WeightsAddress:
    """Base, revision and adapters of an ``hf:`` reference.

    A ``+`` or ``@`` that belongs to the name of an existing local folder is left alone.
    """
    address = reference.address
    form = "write hf:PATH_OR_HUB_ID[@REVISION][+ADAPTER[@WEIGHT]…]"
    if not address:
        raise UsageError("the model's folder or hub id is missing", where=reference.model, mend=form)
    if local_folder(address, folder) is not None:
        return WeightsAddress(base=address)
    parts = _split_existing(address, folder)
    if not all(parts):
        raise UsageError("a name beside + is empty", where=reference.model, mend=form)
    base, revision = parts[0], ""
    if local_folder(base, folder) is None:
        base, _, revision = base.partition("@")
        if local_folder(base, folder) is not None:
            raise UsageError(
                f"{base} is a local folder, which has no revisions",
                where=reference.model,
                mend=f"leave out @{revision}",
            )
    return WeightsAddress(
        base=base,
        revision=revision,
        adapters=tuple(_adapter_address(part, reference, folder) for part in parts[1:]),
    )


def function_address(reference: ModelReference) -> FunctionAddress:
    """Module and callable of a ``python:`` reference."""
    module, _, name = reference.address.partition(":")
    parts = [*module.split("."), *name.split(".")]
    if not all(part.isidentifier() for part in parts):
        raise UsageError(
            "the module or the callable is missing or not a Python name",
            where=reference.model,
            mend="write python:MODULE:CALLABLE, such as python:my_models:answer",
        )
    return FunctionAddress(module=module, name=name)


def checked_options(reference: ModelReference, known: Collection[str]) -> dict[str, str]:
    """The reference's options.

    Raises:
        UnknownNameError: one is not in `known`.
    """
    for name in reference.options:
        if name not in known:
            raise UnknownNameError(
                f"option of {reference.scheme}: models", name, known, where=reference.model
            )
    return dict(reference.options)


def refuse_secrets(reference: ModelReference) -> None:
    """Options end up in plans, fingerprints and reports, where no key may be.

    Raises:
        UsageError: an option's name says that it holds a secret.
    """
    for name in reference.options:
        if _SECRET.fullmatch(name):
            raise UsageError(
                f"the option {name} would write a secret into reports",
                where=reference.model,
                mend="set it as an environment variable that the provider or callable reads",
            )


def system_prompt_of(reference: ModelReference, *, folder: Path) -> str:
    """The system prompt: as given, or the text of the file after ``@``."""
    if not reference.system_prompt.startswith("@"):
        return reference.system_prompt
    return _read_text(reference.system_prompt[1:], folder, key="system_prompt")


def chat_template_of(reference: ModelReference, *, folder: Path) -> str:
    """The chat template that replaces the model's own, empty for none."""
    if not reference.chat_template:
        return ""
    if not reference.chat_template.startswith("@"):
        raise UsageError(
            "chat_template must name a file",
            where=reference.model,
            mend='write chat_template: "@FILE" with the path of a Jinja template',
        )
    return _read_text(reference.chat_template[1:], folder, key="chat_template")


def _split_existing(address: str, folder: Path) -> list[str]:
    """Split at ``+``, the longest leading parts that name an existing folder kept together."""
    pieces = address.split("+")
    parts: list[str] = []
    while pieces:
        counts = range(len(pieces), 0, -1)
        count = next((count for count in counts if _exists("+".join(pieces[:count]), folder)), 1)
        parts.append("+".join(pieces[:count]))
        pieces = pieces[count:]
    return parts


def _exists(part: str, folder: Path) -> bool:
    """Whether `part`, or what stands before its ``@``, is a local folder."""
    name, at, suffix = part.rpartition("@")
    if local_folder(part, folder) is not None:
        return True
    return bool(at) and "+" not in suffix and local_folder(name, folder) is not None


def _adapter_address(text: str, reference: ModelReference, folder: Path) -> AdapterAddress:
    path, at, weight = text.rpartition("@")
    if not at or local_folder(text, folder) is not None:
        return AdapterAddress(path=text)
    try:
        value = Decimal(weight)
    except InvalidOperation:
        value = Decimal("NaN")
    if not path or not value.is_finite() or value == 0:
        raise UsageError(
            f"{weight!r} is not the weight of an adapter",
            where=reference.model,
            mend="write a decimal number other than 0 after @, such as +my-adapter@0.5",
        )
    return AdapterAddress(path=path, weight=format(value.normalize(), "f"))


def _read_text(name: str, folder: Path, *, key: str) -> str:
    path = folder / Path(name).expanduser()
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{key}: cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{key}: not UTF-8 (byte {error.start})", where=str(path), mend="save the file as UTF-8"
        ) from error
