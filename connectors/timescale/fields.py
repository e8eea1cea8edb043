"""One column of a table in the form in which binary COPY wants it: fixed width, few distinct texts, or any bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from connectors.timescale.shapes import Shape

NULL_INT: Final = int(np.iinfo(np.int64).min)
"""Stands for NULL in an int64 column (times and integers)."""

FIXED: Final = {
    "int2": ">i2", "int4": ">i4", "int8": ">i8", "float4": ">f4", "float8": ">f8", "timestamptz": ">i8", "date": ">i4",
    "bool": "u1",
}  # fmt: skip
PG_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 UTC, from which PostgreSQL counts, in microseconds since 1970."""
_EPOCH_DAYS: Final = 10_957
_DISTINCT: Final = 64
"""Text columns with at most this many distinct values take the structured path."""

_NULL: Final = b"\xff\xff\xff\xff"


@dataclass(slots=True)
class Fixed:
    """A fixed-width column; `missing` marks NULLs, None if there are none."""

    dtype: str
    values: np.ndarray
    missing: NDArray[np.bool_] | None

    def __len__(self) -> int:
        return len(self.values)

    def pieces(self) -> list[bytes]:
        """Each row's field: its length and value."""
        width = np.dtype(self.dtype).itemsize
        out = np.empty(len(self), [("length", ">i4"), ("value", self.dtype)])
        out["length"], out["value"] = width, self.values
        raw, step = out.tobytes(), 4 + width
        found = [raw[i : i + step] for i in range(0, len(raw), step)]
        if self.missing is not None:
            for i in np.flatnonzero(self.missing):
                found[i] = _NULL
        return found


@dataclass(slots=True)
class Coded:
    """A text column of few distinct values: `codes` index `words` (None is NULL)."""

    codes: NDArray[np.int64]
    words: list[bytes | None]

    def __len__(self) -> int:
        return len(self.codes)

    def pieces(self) -> list[bytes]:
        """Each row's field: its length and value."""
        words = [_prefixed(word) for word in self.words]
        return [words[code] for code in self.codes.tolist()]


@dataclass(slots=True)
class Free:
    """A column of any bytes, None being NULL."""

    values: list[bytes | None]

    def __len__(self) -> int:
        return len(self.values)

    def pieces(self) -> list[bytes]:
        """Each row's field: its length and value."""
        return [_prefixed(value) for value in self.values]


Field = Fixed | Coded | Free


def _prefixed(value: bytes | None) -> bytes:
    return _NULL if value is None else len(value).to_bytes(4, "big") + value


def field_of(shape: Shape, name: str, values: Any) -> Field:
    """The column `name` of a table of `shape`; ValueError names it where `values` do not fit its type (see `encode`)."""
    kind = shape.types.get(name)
    if kind is None:
        raise ValueError(f"{shape.table} has no column {name!r}; it has {', '.join(shape.types)}")
    try:
        if kind == "text":
            return _text(values)
        if kind == "jsonb":
            return Free([None if v is None else b"\x01" + _json(v) for v in values])
        if kind == "bytea":
            return Free([None if v is None else bytes(v) for v in values])
        if kind in FIXED:
            return _fixed(kind, values)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{shape.table}.{name} ({kind}): {error}") from error
    raise ValueError(f"{shape.table}.{name}: columns of type {kind} are not written by COPY")


def _text(values: Iterable[str | None]) -> Coded | Free:
    found: dict[str | None, int] = {}
    codes = [found.setdefault(value, len(found)) for value in values]
    if len(found) <= _DISTINCT:
        return Coded(np.array(codes, np.int64), [_utf8(word) for word in found])
    words = [_utf8(word) for word in found]
    return Free([words[code] for code in codes])


def _utf8(text: str | None) -> bytes | None:
    """UTF-8 as PostgreSQL takes it: without NUL and lone surrogates, which a device may well send."""
    return None if text is None else text.replace("\0", "�").encode("utf-8", "replace")


def _json(value: Any) -> bytes:
    """JSON as jsonb takes it; NUL characters and lone surrogates become the replacement character, NaN becomes null."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        text = orjson.dumps(_clean(value), option=orjson.OPT_SERIALIZE_NUMPY)
    return orjson.dumps(_clean(value)) if b"\\u0000" in text else text


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "�").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value)
    return value


def _fixed(kind: str, values: Any) -> Fixed:
    array = values if isinstance(values, np.ndarray) else _from_list(kind, values)
    dtype = np.dtype(FIXED[kind])
    if dtype.kind == "f":
        missing = np.isnan(array)
        with np.errstate(over="ignore"):
            return Fixed(FIXED[kind], array.astype(dtype.newbyteorder("="), copy=False), _some(missing))
    if array.dtype.kind not in "iub":
        raise TypeError(f"an array of integers is wanted, got {array.dtype}")
    missing = array == NULL_INT if array.dtype == np.int64 else np.zeros(0, np.bool_)
    if kind == "timestamptz":
        array = array - PG_EPOCH_US
    elif kind == "date":
        array = array - _EPOCH_DAYS
    _check_range(array, missing, dtype)
    return Fixed(FIXED[kind], array, _some(missing))


def _some(missing: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    return missing if missing.any() else None


def _check_range(array: np.ndarray, missing: NDArray[np.bool_], dtype: np.dtype[Any]) -> None:
    if array.dtype.itemsize <= dtype.itemsize or array.dtype.kind == "b":
        return
    known = array[~missing] if missing.any() else array
    info = np.iinfo(dtype)
    if len(known) and (known.min() < info.min or known.max() > info.max):
        raise OverflowError(f"values from {known.min()} to {known.max()} do not fit {info.min} to {info.max}")


def _from_list(kind: str, values: Iterable[Any]) -> np.ndarray:
    if kind in ("float4", "float8"):
        return np.array([np.nan if v is None else v for v in values], np.float64)
    return np.array([NULL_INT if v is None else _as_int(v) for v in values], np.int64)


def _as_int(value: Any) -> int:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return round(value.timestamp() * 1_000_000) if value.microsecond == 0 else _exact_us(value)
    if isinstance(value, date):
        return value.toordinal() - date(1970, 1, 1).toordinal()
    if isinstance(value, int | np.integer | np.bool_):
        return int(value)
    raise TypeError(f"{value!r} is no integer, time or date")


def _exact_us(value: datetime) -> int:
    whole = value.replace(microsecond=0)
    return round(whole.timestamp()) * 1_000_000 + value.microsecond
