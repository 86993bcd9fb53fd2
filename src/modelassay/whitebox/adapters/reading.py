"""What the folder of one adapter holds: its configuration, its tensors, and the files beside them.

Nothing is loaded into a model, and nothing but safetensors and JSON is opened.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from modelassay.artifacts.model_card import CardClaims, read_model_card
from modelassay.errors import ConfigError, TargetError
from modelassay.weights.folders import adapter_files
from modelassay.whitebox.adapters.beside import Beside, read_beside
from modelassay.whitebox.adapters.spectra import Matrix, ProductSpectrum, packed_spectrum
from modelassay.whitebox.weights.decoding import PRECISION, Decoder, element_bytes
from modelassay.whitebox.weights.opening import Weights, open_weights

_PIECE: Final = 1 << 20
"""Numbers that are held in memory at a time where a tensor is only looked through."""
_PLAIN: Final = re.compile(r"[\w.-]+")
_PREFIX: Final = "base_model.model."
_FACTOR: Final = re.compile(
    r"(?P<module>.+)\.(?P<which>lora_A|lora_B|lora_embedding_A|lora_embedding_B)(?:\.weight)?"
)


class LowRank(msgspec.Struct, frozen=True, kw_only=True):
    """The update of one module of the base."""

    module: str
    """Such as ``model.layers.0.mlp.down_proj``."""
    inner: tuple[int, ...]
    """Shape of A: (rank, in)."""
    outer: tuple[int, ...]
    """Shape of B: (out, rank)."""
    scale: float
    """What the configuration multiplies the product by."""
    spectrum: ProductSpectrum | None
    """None where numbers are not finite or not floats, or the shapes do not fit."""

    @property
    def rank(self) -> int:
        """Rows of A."""
        return self.inner[0] if self.inner else 0


class AdapterReading(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter, read."""

    name: str
    folder: Path
    config: dict[str, Any]
    modules: tuple[LowRank, ...]
    others: tuple[str, ...]
    """Tensors that are no factor of a low-rank update."""
    unpaired: tuple[str, ...]
    """Modules with A and no B, or B and no A."""
    not_finite: tuple[str, ...]
    """Tensors with NaN or infinity."""
    dtypes: dict[str, int]
    """Tensors by dtype."""
    files: tuple[str, ...]
    """Every file of the folder, relative."""
    card: CardClaims | None
    """What its model card says; None without one that can be read."""
    beside: Beside
    """Tokenizer and chat template of its folder."""

    @property
    def kind(self) -> str:
        """PEFT's type, such as ``LORA``."""
        return str(self.config.get("peft_type", "unknown"))

    @property
    def scalable(self) -> bool:
        """Whether its weight can be changed: whole modules and biases have none, and PEFT takes biases in
        one adapter alone, so that no second copy at another weight can be put beside it."""
        config = self.config
        plain = not config.get("modules_to_save") and config.get("bias", "none") == "none"
        return self.kind == "LORA" and plain

    def spectra(self) -> Iterator[tuple[str, ProductSpectrum]]:
        """Module and singular values, where there are any."""
        for each in self.modules:
            if each.spectrum is not None:
                yield each.module, each.spectrum


def read_adapter(folder: Path, *, name: str) -> AdapterReading:
    """Read the adapter in `folder`.

    Raises:
        TargetError: the folder holds no adapter in safetensors.
        UsageError: the folder holds what no adapter may hold, or changes meanwhile.
        EvidenceError: the weights are damaged.
    """
    files = adapter_files(folder, where=name)
    with open_weights(folder / "adapter_model.safetensors") as weights:
        numbers = _Numbers(weights)
        factors, others = _factors(weights)
        not_finite = tuple(tensor for tensor in weights.tensors if not numbers.are_finite(tensor))
        modules = tuple(
            _low_rank(module, sides, numbers, files.config)
            for module, sides in factors.items()
            if len(sides) == 2
        )
    dtypes: dict[str, int] = {}
    for place in weights.tensors.values():
        dtypes[place.dtype] = dtypes.get(place.dtype, 0) + 1
    return AdapterReading(
        name=name,
        folder=folder,
        config=files.config,
        modules=modules,
        others=tuple(others),
        unpaired=tuple(module for module, sides in factors.items() if len(sides) != 2),
        not_finite=not_finite,
        dtypes=dtypes,
        files=tuple(files.whole.readings),
        card=_card(folder),
        beside=read_beside(files.whole),
    )


def check_fits(reading: AdapterReading, base: Path) -> None:
    """Refuse an adapter whose factors do not fit the base's matrices.

    Modules that the base's files do not name are left to the loader.

    Raises:
        TargetError: a shape does not fit.
    """
    with open_weights(base) as weights:
        for each in reading.modules:
            place = weights.tensors.get(f"{each.module}.weight")
            if place is None or weights.quantisation or reading.kind != "LORA":
                continue
            if not len(place.shape) == len(each.outer) == len(each.inner) == 2:
                continue
            product = (each.outer[0], each.inner[1])
            if product not in (place.shape, place.shape[::-1]):
                raise TargetError(
                    f"the adapter {reading.name} was made for another base: it adds a matrix of "
                    f"{product[0]} × {product[1]} to {each.module}, which here is "
                    f"{place.shape[0]} × {place.shape[1]}",
                    where=str(reading.folder),
                    mend="name the base that its adapter_config.json names: "
                    + repr(reading.config.get("base_model_name_or_path")),
                )


class _Numbers:
    """The tensors of an adapter as arrays."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    def are_finite(self, name: str) -> bool:
        """Whether no number is NaN or infinite; read in pieces, since whole embeddings may be in there."""
        place = self._weights.tensors[name]
        width = element_bytes(place.dtype)
        if width is None or place.dtype not in PRECISION:
            return True
        decode = Decoder(_PIECE)
        for start in range(0, place.end - place.start, _PIECE * width):
            raw = bytearray(min(_PIECE * width, place.end - place.start - start))
            self._weights.read(name, start, raw)
            if not np.isfinite(decode(raw, place.dtype)).all():
                return False
        return True

    def shape(self, name: str) -> tuple[int, ...]:
        return self._weights.tensors[name].shape

    def matrix(self, name: str) -> Matrix | None:
        """The numbers of a tensor of floats; None of another dtype."""
        place = self._weights.tensors[name]
        width = element_bytes(place.dtype)
        if width is None or place.dtype not in PRECISION:
            return None
        count = (place.end - place.start) // width
        if not count:
            return np.zeros(place.shape)
        raw = bytearray(count * width)
        self._weights.read(name, 0, raw)
        found: Matrix = Decoder(count)(raw, place.dtype).astype(np.float64).reshape(place.shape)
        return found


def _factors(weights: Weights) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Names of A and B by module, and tensors that are neither."""
    factors: dict[str, dict[str, str]] = {}
    others: list[str] = []
    for name in weights.tensors:
        match = _FACTOR.fullmatch(name)
        if match is None:
            others.append(name)
        else:
            factors.setdefault(match["module"].removeprefix(_PREFIX), {})[match["which"][-1]] = name
    return factors, others


def _low_rank(module: str, sides: dict[str, str], numbers: _Numbers, config: dict[str, Any]) -> LowRank:
    outer, inner = numbers.matrix(sides["B"]), numbers.matrix(sides["A"])
    shapes = [numbers.shape(sides[side]) for side in "AB"]
    rows = max(1, *shapes[0][:1], 1)
    experts = experts_in(module, config, rows=rows)
    scale = scale_of(module, config, rank=rows // (experts or 1))
    spectrum = None
    if outer is not None and inner is not None and experts is not None:
        try:
            spectrum = packed_spectrum(outer, inner, scale, experts=experts)
        except ValueError:  # told of as numbers that are not finite, or as shapes that do not fit
            spectrum = None
    return LowRank(module=module, inner=shapes[0], outer=shapes[1], scale=scale, spectrum=spectrum)


def experts_in(module: str, config: dict[str, Any], *, rows: int) -> int | None:
    """How many updates stand in the factors of one module: one, but of a parameter that holds all experts of
    a layer as many as there are, each of the declared rank; None where the ranks do not tell."""
    if not is_named(module, parameter_modules(config)):
        return 1
    rank = declared(module, config, "r", "rank_pattern") or 0.0
    return int(rows // rank) if rank >= 1 and rows % rank == 0 else None


def parameter_modules(config: Mapping[str, Any]) -> list[str]:
    """The modules of parameters that are adapted by name (``target_parameters``)."""
    named = config.get("target_parameters")
    return [str(each).rpartition(".")[0] for each in named] if isinstance(named, list) else []


def is_named(module: str, names: Sequence[str]) -> bool:
    """Whether a module is one of those declared, by the end of its name."""
    plain = module.replace(".base_layer", "")  # as several parameters of one module are wrapped
    return any(plain == each or plain.endswith(f".{each}") for each in names)


def scale_of(module: str, config: dict[str, Any], *, rank: int) -> float:
    """alpha / r of LoRA (Hu et al. 2022, §4.1), alpha / √r when rank-stabilised (Kalajdzievski 2023).

    Where the configuration does not say it plainly, alpha counts as r.
    """
    alpha = declared(module, config, "lora_alpha", "alpha_pattern")
    divisor = math.sqrt(rank) if config.get("use_rslora") else rank
    return (rank if alpha is None else alpha) / divisor


def declared(module: str, config: dict[str, Any], key: str, pattern: str) -> float | None:
    """What the configuration says of a module: an entry of its pattern, else the value for all.

    A pattern's keys are ends of names. PEFT takes them for regular expressions; a key that is more than a
    name is not run here, since it comes from a stranger, and then nothing is known: None.
    """
    entries = config.get(pattern) or {}
    if not isinstance(entries, dict) or not all(_PLAIN.fullmatch(str(each)) for each in entries):
        return None
    for ending, value in entries.items():
        if module == ending or module.endswith(f".{ending}"):
            return _number(value)
    return _number(config.get(key))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _card(folder: Path) -> CardClaims | None:
    try:
        return read_model_card(folder / "README.md")
    except ConfigError:
        return None
