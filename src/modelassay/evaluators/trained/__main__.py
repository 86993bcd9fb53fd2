"""Train the classifiers that come with the package.

    python -m modelassay.evaluators.trained [NAME ...] [--data-dir DIR] [--out FOLDER] [--check]

Reads the labelled dev halves of permissively licensed sets under DIR (default: ``MODELASSAY_DATA``, else
``shared/data`` beside the repository) and writes ``FOLDER/NAME.weights`` (default: into the package). The
same rows give the same bytes on one kind of processor; on another, sums are rounded otherwise, and a
probability may differ a little. ``--check`` writes nothing and fails where the package's file differs by
more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from modelassay.errors import ModelassayError
from modelassay.evaluators.trained.classifier import SUFFIX
from modelassay.evaluators.trained.recipes import RECIPES, SAME_WITHIN, greatest_difference, train
from modelassay.evaluators.trained.sets import data_folder
from modelassay.evaluators.trained.weights import unpack

PACKAGED = Path(__file__).parent / "weights"


def main() -> int:
    """Train, and say what came out; 1 when something cannot be trained or differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(RECIPES)}")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, default=PACKAGED)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    differs = False
    try:
        for name in args.names or RECIPES:
            data = train(name, data_folder(args.data_dir))
            file = args.out / f"{name}{SUFFIX}"
            if args.check:
                difference = _difference(name, file, data, data_folder(args.data_dir))
                differs |= difference > SAME_WITHIN
                print(f"{name}: {_told(difference)}")
                continue
            args.out.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            card = unpack(data, where=str(file)).card
            agreement = ", ".join(f"{each} {kappa:.3f}" for each, kappa in card.agreement.items())
            print(f"{name}@{card.version}: {len(data)} bytes, kappa out of fold: {agreement}")
    except ModelassayError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return int(differs)


def _difference(name: str, file: Path, trained: bytes, data: Path) -> float:
    """How far probabilities are from those of `file`; 0 for the same bytes, infinite where it is absent."""
    if not file.is_file():
        return float("inf")
    held = file.read_bytes()
    return 0.0 if held == trained else greatest_difference(name, held, trained, data)


def _told(difference: float) -> str:
    if difference == 0.0:
        return "the same bytes"
    if difference == float("inf"):
        return "DIFFERS: there is no file"
    same = "the same but for rounding" if difference <= SAME_WITHIN else "DIFFERS"
    return f"{same}: probabilities by at most {difference:.3g}"


if __name__ == "__main__":
    sys.exit(main())
