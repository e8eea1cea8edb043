"""Intervals of a port are replaced by span: what overlaps is deleted or cut to lie outside, then the new rows go in."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from connectors.timescale.copy import copy_rows
from connectors.timescale.fields import NULL_INT
from connectors.timescale.ports import PortNumbers
from connectors.timescale.queries import query
from connectors.timescale.shapes import Shape
from models.operator import ReplaceSpan

_STEPS = ("span_split", "span_clear", "span_cut_begin", "span_cut_end")


def replace_spans(
    conn: psycopg.Connection[Any], shape: Shape, spans: Sequence[ReplaceSpan], numbers: PortNumbers
) -> None:
    """Carry out `spans` (all of the table of `shape`) in order, inside the caller's transaction.

    Spans of different ports go together: four statements and a COPY for a group, however many ports. Rests on intervals
    of a port not overlapping, which it keeps so if the new rows of a span lie inside it.
    """
    for group in _groups(spans):
        port_no = numbers.of(conn, [span.port for span in group])
        parameters = {
            "port_no": port_no.tolist(),
            "start": [_time(span.start_us) for span in group],
            "end": [_time(span.end_us) for span in group],
        }
        for step in _STEPS:
            conn.execute(_statement(step, shape), parameters)
        _insert(conn, shape, group, port_no)


def _groups(spans: Iterable[ReplaceSpan]) -> Iterator[list[ReplaceSpan]]:
    """Runs of spans in which no port occurs twice."""
    group: list[ReplaceSpan] = []
    seen: set[str] = set()
    for span in spans:
        if span.port in seen:
            yield group
            group, seen = [], set()
        group.append(span)
        seen.add(span.port)
    if group:
        yield group


def _time(us: int | None) -> str:
    if us is None:
        return "infinity"
    return str(np.datetime64(us, "us")) + "Z"


def _statement(step: str, shape: Shape) -> sql.Composed:
    rest = [name for name in shape.types if name not in ("port_no", "from_at", "to_at")]

    def listed(*prefix: str) -> sql.Composed:
        return sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(*prefix, name)) for name in rest)

    return query(step).format(table=sql.Identifier(shape.table), rest=listed(), rest_of_t=listed("t"))


def _insert(conn: psycopg.Connection[Any], shape: Shape, group: Sequence[ReplaceSpan], port_no: np.ndarray) -> None:
    """COPY the rows of the spans, together where they tell the same columns."""
    by_columns: dict[tuple[str, ...], list[int]] = {}
    for i, span in enumerate(group):
        if span.columns and len(span.columns["from_at"]):
            by_columns.setdefault(tuple(sorted(span.columns)), []).append(i)
    for names, members in by_columns.items():
        columns: dict[str, Any] = {name: _joined([group[i].columns[name] for i in members]) for name in names}
        columns["port_no"] = np.repeat(port_no[members], [len(group[i].columns["from_at"]) for i in members])
        copy_rows(conn, shape, columns)


def _joined(parts: Sequence[Any]) -> Any:
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    return [None if value == NULL_INT else value for part in parts for value in part]
