"""Plain data into typed records: shorthands, percentages, exact numbers, unknown keys.

One walk over the data, guided by the record's own types; what the walk does not object to,
`msgspec.convert` then checks strictly.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec
from msgspec import inspect as types

from modelassay.config.plan import (
    AttackChoice,
    AttackReference,
    DatasetReference,
    EvaluatorReference,
    ModelReference,
)
from modelassay.config.source import Source
from modelassay.errors import ConfigError, did_you_mean
from modelassay.records import ModelOrigin, Percent, TrainingData, Transform

T = TypeVar("T")

SHORTHANDS: dict[type, str] = {
    ModelReference: "model",
    DatasetReference: "use",
    EvaluatorReference: "use",
    AttackReference: "use",
    AttackChoice: "use",
    ModelOrigin: "name",
    TrainingData: "name",
    Transform: "name",
}
"""Records that may be written as one string: the field which that string fills."""

_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


def to_record(source: Source, record: type[T]) -> T:
    """The data of `source` as a `record`.

    Raises:
        ConfigError: with file, line, key and mend.
    """
    shaped = _shape(source.data, types.type_info(record), "$", source)
    try:
        return msgspec.convert(shaped, record, strict=True)
    except msgspec.ValidationError as error:
        raise _explain(error, source) from error


def _shape(value: Any, kind: types.Type, path: str, source: Source) -> Any:
    """`value` in the form that `msgspec.convert` expects for `kind`."""
    if isinstance(kind, types.StructType):
        return _shape_struct(value, kind, path, source)
    if isinstance(kind, types.UnionType):
        inner = [t for t in kind.types if not isinstance(t, types.NoneType)]
        if isinstance(value, dict):  # of text or a record it is the record
            inner = [t for t in inner if isinstance(t, types.StructType)] or inner
        return value if value is None or len(inner) != 1 else _shape(value, inner[0], path, source)
    if isinstance(kind, types.LiteralType) and value not in kind.values:
        known = ", ".join(map(str, kind.values))
        raise source.error(path, f"{value!r} is not one of its values", f"known: {known}")
    if isinstance(kind, types.VarTupleType):
        items = value if isinstance(value, list) else [value]
        return [_shape(item, kind.item_type, f"{path}[{i}]", source) for i, item in enumerate(items)]
    if isinstance(kind, types.DictType) and isinstance(value, dict):
        return {str(k): _shape(v, kind.value_type, f"{path}.{k}", source) for k, v in value.items()}
    if isinstance(kind, types.StrType) and isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(kind, types.StrType) and type(value) is date:
        return value.isoformat()  # YAML takes 2026-11-21 without quotes for a date
    if isinstance(kind, types.StrType) and isinstance(value, int | float):
        return format(Decimal(repr(value)), "f")
    return value


def _shape_struct(value: Any, kind: types.StructType, path: str, source: Source) -> Any:
    if kind.cls is Percent:
        return {"basis_points": basis_points(value, path, source)}
    if isinstance(value, str) and kind.cls in SHORTHANDS:
        value = {SHORTHANDS[kind.cls]: value}
    if not isinstance(value, dict):
        return value
    fields = {f.encode_name: f for f in kind.fields}
    shaped = {}
    for key, inner in value.items():
        name = key.replace("-", "_")
        if name not in fields:
            raise source.error(f"{path}.{key}", f"unknown key {key!r}", did_you_mean(name, fields))
        shaped[name] = _shape(inner, fields[name].type, f"{path}.{key}", source)
    return shaped


def basis_points(value: Any, path: str, source: Source) -> int:
    """Hundredths of a percent in ``5%``, ``"12.5 %"`` or a share such as ``0.05``.

    A bare number above 1 is refused: ``5`` could mean 5 % or 500 %.
    """
    mend = "write a percentage such as 5%, or a share such as 0.05"
    if isinstance(value, str) and (match := _PERCENT.fullmatch(value)):
        share = Decimal(match[1]) / 100
    elif isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            share = Decimal(str(value))
        except InvalidOperation:
            raise source.error(path, f"{value!r} is not a percentage", mend) from None
        if not share.is_finite() or not 0 <= share <= 1:  # what is no number has no order
            raise source.error(path, f"{value!r} is not a share between 0 and 1", mend)
    else:
        raise source.error(path, f"{value!r} is not a percentage", mend)
    points = share * 10_000
    if points != points.to_integral_value():
        raise source.error(path, f"{value!r} has more than two decimals of a percent", "round it")
    return int(points)


_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?", re.DOTALL)


def _explain(error: msgspec.ValidationError, source: Source) -> ConfigError:
    """msgspec's sentence with our file and line, in words of the file rather than of Python."""
    match = _MESSAGE.fullmatch(str(error))
    what, path = (match["what"], match["path"] or "$") if match else (str(error), "$")
    missing = re.fullmatch(r"Object missing required field `(.+)`", what)
    if missing:
        return source.error(path, f"the key {missing[1]!r} is missing", f"add {missing[1]}: …")
    words = {"`object`": "a mapping", "`array`": "a list", "`str`": "text", "`int`": "a whole number"}
    words |= {"`float`": "a number", "`bool`": "true or false", "`null`": "nothing"}
    for python, plain in words.items():
        what = what.replace(python, plain)
    return source.error(path, what[0].lower() + what[1:])
