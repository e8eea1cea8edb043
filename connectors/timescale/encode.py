"""NumPy columns to the bytes of PostgreSQL's binary COPY.

A fixed-width row of binary COPY is a C struct with big-endian fields: field count, then length and value of each field;
NULL is the length -1 and no value. So all rows with the same pattern of NULLs are one structured array, written as it
stands (Source: PostgreSQL manual, COPY, "Binary Format"). Text takes part by its distinct values while they are few;
otherwise, and for jsonb, rows are put together one by one.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from connectors.timescale.fields import Coded, Field, Fixed, field_of
from connectors.timescale.shapes import Shape

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
_AT_ONCE: Final = 4_096
"""Rows of a piece: the server takes one piece in while the next is made."""
_MOST_PATTERNS: Final = 2**62
"""Numbers of patterns that fit an int64."""

Rows = NDArray[np.intp] | slice


def encode(shape: Shape, columns: Mapping[str, Any]) -> Iterator[bytes | memoryview]:
    """The COPY stream of `columns` (name -> array or list, all of one length) for a table of `shape`, in pieces.

    Types: floats (NaN is NULL), integers and times as integers (times in microseconds since 1970 UTC, dates in days;
    int64's minimum is NULL), booleans, lists of str, of dict or list (jsonb), of bytes (bytea), `date`, `datetime`; None in a list is
    NULL. Rows leave grouped by pattern, not in their order. ValueError names the column that does not fit. 50 to 150 ns a
    row of 20 numbers; about 1 microsecond a field where rows are put together one by one.
    """
    fields = [field_of(shape, name, values) for name, values in columns.items()]
    sizes = {len(field) for field in fields}
    if len(sizes) != 1:
        raise ValueError(f"{shape.table}: columns of one length wanted, got {sorted(sizes)}")
    yield HEADER
    if all(isinstance(field, Fixed | Coded) for field in fields):
        yield from _structured([f for f in fields if isinstance(f, Fixed | Coded)], sizes.pop())
    else:
        yield b"".join(chain.from_iterable(zip(*_pieces(fields), strict=True)))
    yield TRAILER


def _pieces(fields: list[Field]) -> Iterable[list[bytes]]:
    yield [len(fields).to_bytes(2, "big")] * len(fields[0])
    for field in fields:
        yield field.pieces()


def _structured(fields: list[Fixed | Coded], n: int) -> Iterator[memoryview]:
    pattern = _patterns(fields, n)
    if not pattern.any():
        for start in range(0, n, _AT_ONCE):
            yield _block(fields, slice(start, min(start + _AT_ONCE, n)))
        return
    order = np.argsort(pattern, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(pattern[order])) + 1):
        for start in range(0, len(rows), _AT_ONCE):
            yield _block(fields, rows[start : start + _AT_ONCE])


def _patterns(fields: list[Fixed | Coded], n: int) -> NDArray[Any]:
    """A number for each row, equal where rows have the same columns missing and the same words."""
    pattern, size = np.zeros(n, np.int64), 1
    for field in fields:
        part = field.codes if isinstance(field, Coded) else field.missing
        kinds = int(part.max()) + 1 if part is not None and n else 1
        if part is None or kinds == 1:
            continue
        if size * kinds > _MOST_PATTERNS:
            pattern = np.unique(pattern, return_inverse=True)[1]
            size = int(pattern.max()) + 1
        pattern, size = pattern * kinds + part, size * kinds
    # A stable sort of 16-bit numbers is a radix sort.
    return pattern.astype(np.uint16) if size <= np.iinfo(np.uint16).max else pattern


def _block(fields: list[Fixed | Coded], rows: Rows) -> memoryview:
    """Rows of one pattern: lengths and words are the same in each, so they are laid out once."""
    first, n = (rows.start, rows.stop - rows.start) if isinstance(rows, slice) else (int(rows[0]), len(rows))
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    constant: dict[str, Any] = {"fields": len(fields)}
    varying: dict[str, np.ndarray] = {}
    for i, field in enumerate(fields):
        length, value = f"l{i}", f"v{i}"
        word = field.words[int(field.codes[first])] if isinstance(field, Coded) else b""
        layout.append((length, ">i4"))
        if word is None or (isinstance(field, Fixed) and field.missing is not None and field.missing[first]):
            constant[length] = -1
        elif isinstance(field, Coded):
            constant[length] = len(word)
            if word:
                layout.append((value, f"V{len(word)}"))
                constant[value] = np.void(word)
        else:
            layout.append((value, field.dtype))
            constant[length] = np.dtype(field.dtype).itemsize
            varying[value] = field.values[rows]
    row = np.zeros((), np.dtype(layout))
    for name, content in constant.items():
        row[name] = content
    out = np.empty(n, row.dtype)
    out[:] = row
    for name, column in varying.items():
        out[name] = column
    return out.view(np.uint8).data
