"""Which rows of a dataset were asked, in words."""

from __future__ import annotations

from modelassay.records import DatasetPin


def rows_in_words(pin: DatasetPin) -> str:
    """``159 of 2,222, where category is drugs``; the number alone where no more are known of."""
    if not pin.whole or pin.whole == pin.rows:
        return f"{pin.rows:,}"
    chosen = " and ".join(f"{tag} is {value}" for tag, value in pin.where.items())
    return f"{pin.rows:,} of {pin.whole:,}{f', where {chosen}' if chosen else ''}"
