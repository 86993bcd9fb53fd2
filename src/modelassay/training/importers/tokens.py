"""Token ids as text, by the tokenizer that made them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modelassay.errors import UsageError


def decoder(folder: Path) -> Callable[[list[int]], str]:
    """A function from token ids to text, special tokens kept.

    Args:
        folder: holds ``tokenizer.json`` (or is that file): data alone, no code is run.

    Raises:
        UsageError: no tokenizer there, or the package ``tokenizers`` is missing.
    """
    path = folder / "tokenizer.json" if folder.is_dir() else folder
    if not path.is_file():
        raise UsageError("no tokenizer.json", where=str(folder), mend="name the model's folder")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:  # pragma: no cover - the message is what matters
        raise UsageError(
            "reading token ids needs the package tokenizers", mend="pip install 'modelassay[local]'"
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises plain Exception for anything it cannot parse
        raise UsageError(f"the tokenizer cannot be read: {error}", where=str(path)) from error

    def text(ids: list[int]) -> str:
        known = [each for each in ids if isinstance(each, int) and 0 <= each < 2**31]
        decoded: str = tokenizer.decode(known, skip_special_tokens=False)
        return decoded

    return text
