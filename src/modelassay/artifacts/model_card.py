"""The YAML front matter of a Hugging Face model card: licence, base model, datasets.

The form is that of the hub's model card metadata: a ``README.md`` that begins with YAML between two lines of
``---``. Keys that say nothing of lineage are left alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from modelassay.config.source import LARGEST_FILE, Source, parse_yaml
from modelassay.errors import ConfigError


class CardClaims(NamedTuple):
    """What a model card says of lineage."""

    licence: str = ""
    base_models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


def read_model_card(path: Path) -> CardClaims:
    """The claims of the card at `path`.

    Raises:
        ConfigError: no such file, not UTF-8, no front matter, or a value of the wrong type.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"the model card cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > LARGEST_FILE:
        raise ConfigError(f"the model card has more than {LARGEST_FILE} bytes", where=str(path))
    try:
        return parse_model_card(data.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError("the model card is not UTF-8", where=str(path)) from error


def parse_model_card(text: str, name: str) -> CardClaims:
    """The claims in the `text` of a card, called `name` in errors; see `read_model_card`."""
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != "---":
        raise ConfigError(
            "the model card has no front matter",
            where=name,
            mend="begin it with YAML between two lines of ---",
        )
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), 0)
    if not end:
        raise ConfigError(
            "the front matter of the model card does not end", where=name, mend="add a line ---"
        )
    # An empty line in place of the opening --- keeps the line numbers of errors right.
    source = parse_yaml("\n".join(["", *lines[1:end]]), name)
    licence = " AND ".join(_texts(source, "license"))
    if licence.lower() == "other":
        licence = " AND ".join(_texts(source, "license_name")) or licence
    return CardClaims(licence, _texts(source, "base_model"), _texts(source, "datasets"))


def _texts(source: Source, key: str) -> tuple[str, ...]:
    """One text or a list of texts."""
    value = source.data.get(key)
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    for item in values:
        if not isinstance(item, str) or not item.strip():
            raise source.error(f"$.{key}", "must be text or a list of texts")
    return tuple(item.strip() for item in values)
