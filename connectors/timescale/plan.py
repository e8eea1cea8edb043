"""The order in which writes are carried out, and which of them go together.

A flow hands over what many small batches put out; one COPY of their rows costs a fraction of many. Tables do not depend on
each other but for recomputations, which read the lines stored in the same transaction: so writes are gathered by table,
lines first, in their order within a table, recomputations of a table behind everything else.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from connectors.timescale.tally import LINES
from models.operator import Recompute, Write

Columns = dict[str, Any]


def plan(writes: Iterable[Write]) -> Iterator[tuple[type[Write], list[Any]]]:
    """Runs of writes of one kind into one table, in the order to carry them out."""
    tables: dict[str, list[Write]] = {table: [] for table in LINES}
    again: list[Write] = []
    for write in writes:
        if isinstance(write, Recompute):
            again.append(write)
        else:
            tables.setdefault(write.table, []).append(write)
    for group in [*tables.values(), sorted(again, key=lambda write: write.table)]:
        for (kind, _), run in groupby(group, key=lambda write: (type(write), write.table)):
            yield kind, list(run)


def joined(parts: Sequence[Columns], *, fill: bool) -> Iterator[tuple[Columns, slice]]:
    """Tables of columns one behind the other as few large ones; each with the slice of `parts` that it holds.

    Neighbours go together that have the same columns; with `fill` also where a column of floats lacks in some (NaN there).
    """
    start = 0
    for _, run in groupby(parts, key=lambda part: _signature(part, fill)):
        group = list(run)
        yield _concatenated(group), slice(start, start + len(group))
        start += len(group)


def _signature(part: Columns, fill: bool) -> frozenset[str]:
    return frozenset(name for name, column in part.items() if not (fill and _is_floats(column)))


def _is_floats(column: Any) -> bool:
    return isinstance(column, np.ndarray) and column.dtype.kind == "f"


def _concatenated(parts: Sequence[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _column([part.get(name) for part in parts], parts) for name in names}


def _column(columns: Sequence[Any], parts: Sequence[Columns]) -> Any:
    if all(isinstance(column, np.ndarray) for column in columns if column is not None):
        dtype = next(column.dtype for column in columns if column is not None)
        return np.concatenate(
            [
                np.full(rows_of(part), np.nan, dtype) if column is None else column
                for column, part in zip(columns, parts, strict=True)
            ]
        )
    return [value for column in columns for value in column]


def rows_of(part: Columns) -> int:
    """The number of rows of a table of columns."""
    return len(next(iter(part.values()), ()))
