"""``modelassay fingerprint``: what a model is, by content, in a form that anyone can recompute."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import json_option, print_json, quiet_option, reader_may_leave

if TYPE_CHECKING:
    from modelassay.artifacts import FolderFingerprint
    from modelassay.records import Artifact

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("fingerprint")
@click.argument("model")
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="FOLDER[@WEIGHT]",
    help="In the order of loading; repeatable.",
)
@click.option("--system-prompt", type=_FILE, help="File with the text put before every conversation.")
@click.option("--chat-template", type=_FILE, help="Template in place of the model's own.")
@click.option("--dtype", default="", help="Precision to load in. [default: that of the weights]")
@click.option("--tensors", is_flag=True, help="Digest every tensor: an identity that survives re-sharding.")
@click.option(
    "--base", type=click.Path(path_type=Path), help="Folder to compare with: which tensors changed."
)
@click.option("--blake3", is_flag=True, help="BLAKE3 of every file too, from the same pass.")
@click.option("--all", "everything", is_flag=True, help="Leave nothing out: .git and download notes too.")
@click.option("--sums", type=_FILE, help="Write the SHA256SUMS here.")
@click.option("--check", type=_FILE, help="Compare with this SHA256SUMS; exit 13 when anything differs.")
@click.option("--sign", metavar="KEY", help="Sign the files (OpenSSF Model Signing) with this P-256 key.")
@click.option(
    "-o", "--output", type=_FILE, help="Where --sign writes. [default: MODEL.sig beside the folder]"
)
@click.option("--verify", type=_FILE, help="Check this model signature; exit 13 when it does not hold.")
@click.option("--key", "keys", multiple=True, metavar="FILE", help="Public key for --verify; repeatable.")
@click.option("--probe", is_flag=True, help="For served models: digest greedy answers to mild questions.")
@quiet_option
@json_option
def command(model: str, **options: Any) -> None:
    """Print the fingerprint of MODEL: a folder, or a reference such as openai:NAME@URL.

    The fingerprint of a folder is the SHA-256 of its SHA256SUMS, over every file, hidden ones too. What else
    decides the answers (tokenizer, chat template, system prompt, adapters, quantisation, generation
    defaults) is listed with digests of its own.

    \b
    modelassay fingerprint ./weights
    modelassay fingerprint ./tuned --base ./weights
    modelassay fingerprint ./weights --sign ci.verdict.pem
    modelassay fingerprint openai:my-model@http://localhost:8000/v1 --probe
    """
    from modelassay.errors import UsageError

    scheme, colon, _ = model.partition(":")
    if Path(model).is_dir() or not (colon and scheme.isalpha()):
        result = _folder(Path(model), options)
    elif scheme == "hf":
        raise UsageError(
            "name the folder of the weights itself",
            where=model,
            mend="modelassay fingerprint FOLDER --adapter FOLDER@WEIGHT",
        )
    else:
        result = _served(model, options)
    with reader_may_leave():
        if options["as_json"]:
            print_json(result)
        else:
            from modelassay.cli.fingerprint_text import print_fingerprint

            print_fingerprint(result)


def _folder(root: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Everything that was asked about a folder, as plain data."""
    from modelassay.artifacts import composition, fingerprint_folder
    from modelassay.artifacts.listing import EXCLUDED
    from modelassay.cli.hash_progress import hash_progress
    from modelassay.errors import UsageError

    for name in ("sums", "output"):
        _refuse_inside(root, options[name], name)
    exclude = () if options["everything"] else EXCLUDED
    adapters = [_adapter(text) for text in options["adapters"]]
    places = [root, *(path for path, _ in adapters), *([options["base"]] if options["base"] else [])]
    tensors = options["tensors"] or options["base"] is not None
    with hash_progress(places, exclude=exclude, quiet=options["quiet"]) as advance:
        folder = fingerprint_folder(
            root, blake3=options["blake3"], tensors=tensors, exclude=exclude, advance=advance
        )
        base = (
            fingerprint_folder(options["base"], tensors=True, exclude=exclude, advance=advance)
            if options["base"]
            else None
        )
        added = [
            (fingerprint_folder(path, exclude=exclude, advance=advance), weight) for path, weight in adapters
        ]
    if not folder.readings:
        raise UsageError("holds no files", where=str(root))
    result = _described(root, folder)
    _check(folder, options["check"], result)
    _verify(root, options, result)
    parts = result["artifacts"] = _artifacts(folder, added, options)
    if any(part.kind == "model" for part in parts):
        result["composition"] = composition(parts)
    if tensors:
        result["tensors"] = _tensors(folder)
    if base is not None:
        result["changes"] = _changes(base, folder) | {"base": str(options["base"])}
    if options["sums"]:
        options["sums"].write_bytes(folder.files.sums())
        result["sums_file"] = str(options["sums"])
    _sign(root, folder, options, result)
    return result


def _artifacts(
    folder: FolderFingerprint, adapters: list[tuple[FolderFingerprint, str]], options: dict[str, Any]
) -> tuple[Artifact, ...]:
    """The subjects of a model's folder; an adapter's or any other folder is one by itself."""
    from modelassay.artifacts.subjects import artifact_of, loaded_artifacts
    from modelassay.errors import UsageError

    if "config.json" in folder.readings and "adapter_config.json" not in folder.readings:
        return loaded_artifacts(
            folder,
            adapters=adapters,
            system_prompt=_text(options["system_prompt"]),
            chat_template=_text(options["chat_template"]),
            dtype=options["dtype"],
        )
    if adapters:
        raise UsageError("holds no config.json, so it is no model to put adapters on", where=str(folder.root))
    return (artifact_of(folder, "adapter" if "adapter_config.json" in folder.readings else "model"),)


def _described(root: Path, folder: FolderFingerprint) -> dict[str, Any]:
    from modelassay.artifacts.fingerprint import shell_line

    found: dict[str, Any] = {
        "path": str(root),
        "digest": folder.digest,
        "h1": folder.h1,
        "bytes": folder.size,
        "excluded": folder.excluded,
        "files": {
            name: {"sha256": each.sha256, "bytes": each.size}
            | ({"blake3": each.blake3} if each.blake3 else {})
            for name, each in folder.readings.items()
        },
    }
    return found | {"recompute": shell_line(folder, root)}


def _tensors(folder: FolderFingerprint) -> dict[str, Any]:
    table = folder.tensors
    each = {
        name: {"dtype": tensor.dtype, "shape": tensor.shape, "sha256": tensor.sha256}
        for name, tensor in sorted(table.items())
    }
    return {"identity": table.identity, "count": len(table), "each": each}


def _changes(base: FolderFingerprint, folder: FolderFingerprint) -> dict[str, Any]:
    import msgspec

    from modelassay.artifacts.tensors import tensor_changes

    found: dict[str, Any] = msgspec.to_builtins(tensor_changes(base.tensors, folder.tensors))
    return found


def _check(folder: FolderFingerprint, sums: Path | None, result: dict[str, Any]) -> None:
    from modelassay.artifacts.sums import compare_with_sums, read_sums
    from modelassay.errors import EvidenceError

    if sums is None:
        return
    difference = compare_with_sums(folder, read_sums(_read(sums), where=str(sums)))
    if difference:
        told = [
            f"{len(names)} {kind} ({', '.join(names[:5])}{', …' if len(names) > 5 else ''})"
            for kind in ("changed", "missing", "added")
            if (names := getattr(difference, kind))
        ]
        raise EvidenceError(
            f"not the files that {sums.name} lists: " + "; ".join(told), where=str(folder.root)
        )
    result["checked"] = {"sums": str(sums), "files": len(folder.readings)}


def _sign(root: Path, folder: FolderFingerprint, options: dict[str, Any], result: dict[str, Any]) -> None:
    if not options["sign"]:
        return
    from modelassay.artifacts.model_signing import sign_model
    from modelassay.evidence.keyring import Keyring

    signer = Keyring().signer("verdict", options["sign"])
    assert signer is not None  # it is named
    output = options["output"] or root.resolve().with_name(root.resolve().name + ".sig")
    output.write_bytes(sign_model(folder, signer))
    result["signature"] = {"file": str(output), "key": signer.public.key_id}


def _verify(root: Path, options: dict[str, Any], result: dict[str, Any]) -> None:
    if options["verify"] is None:
        return
    from modelassay.artifacts.model_signing import verify_model
    from modelassay.errors import UsageError
    from modelassay.log.keys import load_public

    if not options["keys"]:
        raise UsageError("--verify needs the signer's public key", mend="give it: --key FILE")
    signed = verify_model(_read(options["verify"]), root, [load_public(key) for key in options["keys"]])
    result["verified"] = {
        "name": signed.name,
        "key": signed.signed_by.key_id,
        "files": len(signed.covered),
        "not_covered": signed.not_covered,
    }


def _served(reference: str, options: dict[str, Any]) -> dict[str, Any]:
    """What is known of a model that cannot be opened."""
    import asyncio

    from modelassay.artifacts.behaviour import probe_behaviour
    from modelassay.config import ModelReference
    from modelassay.errors import UsageError
    from modelassay.targets import open_target

    given = [name for name in ("base", "sums", "check", "sign", "output", "verify") if options[name]]
    given += [name for name in ("tensors", "blake3", "adapters") if options[name]]
    if given:
        raise UsageError(f"--{given[0]} needs the files, and {reference} is served", mend="name a folder")

    async def ask() -> dict[str, Any]:
        target = open_target(
            ModelReference(model=reference, system_prompt=_text(options["system_prompt"])), folder=Path()
        )
        try:
            found = await target.identify()
            artifacts = found.artifacts
            if options["probe"]:
                artifacts = (*artifacts, (await probe_behaviour(target)).artifact)
        finally:
            await target.close()
        return {
            "path": reference,
            "digest": found.fingerprint,
            "strength": found.strength,
            "details": found.details,
            "artifacts": artifacts,
        }

    return asyncio.run(ask())


def _adapter(text: str) -> tuple[Path, str]:
    """``FOLDER[@WEIGHT]``; an existing folder may have an @ in its name."""
    from decimal import Decimal, InvalidOperation

    from modelassay.errors import UsageError

    path, at, weight = text.rpartition("@")
    if not at or Path(text).is_dir():
        return Path(text), "1"
    try:
        value = Decimal(weight)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value == 0:
        raise UsageError(f"{weight!r} is not the weight of an adapter", where=text, mend="write FOLDER@0.5")
    return Path(path), format(value.normalize(), "f")


def _refuse_inside(root: Path, path: Path | None, name: str) -> None:
    """A file written into the folder would be part of its next fingerprint."""
    from modelassay.errors import UsageError

    if path is not None and root.resolve() in path.resolve().parents:
        raise UsageError(
            f"--{name} would write into the folder and change its fingerprint",
            where=str(path),
            mend="name a file beside the folder",
        )


def _text(path: Path | None) -> str:
    from modelassay.errors import UsageError

    try:
        return "" if path is None else _read(path).decode()
    except UnicodeDecodeError as error:
        raise UsageError("is not UTF-8", where=str(path)) from error


def _read(path: Path) -> bytes:
    from modelassay.errors import UsageError

    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
