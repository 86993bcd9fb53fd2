"""Train the classifiers that come with the package.

    python -m modelassay.evaluators.trained [NAME ...] [--data-dir DIR] [--out FOLDER] [--check]

Reads the labelled dev halves of permissively licensed sets under DIR (default: ``MODELASSAY_DATA``, else
``shared/data`` beside the repository) and writes ``FOLDER/NAME.weights`` (default: into the package). The
same rows give the same bytes; ``--check`` writes nothing and fails where the package's file differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from modelassay.errors import ModelassayError
from modelassay.evaluators.trained.classifier import SUFFIX
from modelassay.evaluators.trained.recipes import RECIPES, train
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
                same = file.is_file() and file.read_bytes() == data
                differs |= not same
                print(f"{name}: {'the same bytes' if same else 'DIFFERS'}")
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


if __name__ == "__main__":
    sys.exit(main())
