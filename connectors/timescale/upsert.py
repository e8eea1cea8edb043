"""Rows into a table where some may be there already: straight COPY first, a staging table when that meets a key twice.

Duplicates follow a restart or a device that repeats itself, so the straight way is the rule. After a conflict a table
goes by way of staging for a while (twice as long each time, up to 64 writes), so that a table whose rows are always
replaced does not pay for a COPY that fails.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from connectors.timescale.copy import copy_rows
from connectors.timescale.shapes import Shape

_LONGEST_PAUSE: Final = 64
_UNCOMPARED: Final = ("received_at",)
"""A line told twice is the same line, whenever it arrived; the first receive time stays."""


class Outcome(IntEnum):
    """What became of a row: new; equal to what stood there; or it changed what stood there."""

    STORED = 0
    REPEATED = 1
    SUPERSEDED = 2


class Tables:
    """Writes rows to tables. Each method belongs inside a transaction of the caller, who sees to it that no other session
    writes the same keys at the same time (flows hold their shards by a lock)."""

    def __init__(self) -> None:
        self._pause: dict[str, int] = {}
        self._skip: dict[str, int] = {}

    def append(
        self, conn: psycopg.Connection[Any], shape: Shape, columns: Mapping[str, Any], key: Sequence[str] = ()
    ) -> NDArray[np.uint8]:
        """Store lines of telemetry in their order; the `Outcome` of each row.

        A row whose key is there is merged: a column it carries replaces what stood there, a column it lacks (NULL)
        leaves it. So two messages that tell different channels of one instant lose nothing. `key`: as `shape.key`.
        """
        n = len(next(iter(columns.values())))
        if n and not self._straight(conn, shape, columns):
            return self._staged_append(conn, shape, columns, tuple(key) or shape.key)
        return np.zeros(n, np.uint8)

    def replace(
        self, conn: psycopg.Connection[Any], shape: Shape, columns: Mapping[str, Any], key: Sequence[str] = ()
    ) -> None:
        """Put rows in place of those of the same key, all given columns anew; of several rows of one key the last wins."""
        if len(next(iter(columns.values()))) == 0 or self._straight(conn, shape, columns):
            return
        key = tuple(key) or shape.key
        stage = _fill_stage(conn, shape, columns)
        newest = sql.SQL("SELECT DISTINCT ON ({key}) {columns} FROM {stage} ORDER BY {key}, _n DESC").format(
            key=_names(key), columns=_names(columns), stage=stage
        )
        conn.execute(_insert(shape, newest, columns, key, merge=False))

    def remove(
        self, conn: psycopg.Connection[Any], shape: Shape, columns: Mapping[str, Any], key: Sequence[str]
    ) -> None:
        """Take the rows away whose `key` columns stand in `columns`; keys that are not there are passed over."""
        if len(next(iter(columns.values()))) == 0:
            return
        stage = _fill_stage(conn, shape, {name: columns[name] for name in key})
        same = sql.SQL(" AND ").join(sql.SQL("t.{0} = s.{0}").format(sql.Identifier(name)) for name in key)
        conn.execute(
            sql.SQL("DELETE FROM {table} t USING {stage} s WHERE {same}").format(
                table=sql.Identifier(shape.table), stage=stage, same=same
            )
        )

    def _straight(self, conn: psycopg.Connection[Any], shape: Shape, columns: Mapping[str, Any]) -> bool:
        """Whether a plain COPY took the rows."""
        if self._skip.get(shape.table, 0) > 0:
            self._skip[shape.table] -= 1
            return False
        try:
            with conn.transaction():
                copy_rows(conn, shape, columns)
        except psycopg.errors.UniqueViolation:
            pause = min(2 * self._pause.get(shape.table, 0) or 1, _LONGEST_PAUSE)
            self._pause[shape.table] = self._skip[shape.table] = pause
            return False
        self._pause[shape.table] = 0
        return True

    def _staged_append(
        self, conn: psycopg.Connection[Any], shape: Shape, columns: Mapping[str, Any], key: tuple[str, ...]
    ) -> NDArray[np.uint8]:
        """Row k of a key is merged before row k + 1: one statement a round, as many rounds as the commonest key has rows."""
        outcome = np.zeros(len(next(iter(columns.values()))), np.uint8)
        turn = _turns([columns[name] for name in key])
        stage = _fill_stage(conn, shape, columns, turn)
        for k in range(int(turn.max()) + 1):
            for n, changed in conn.execute(_standing(shape, stage, columns, key), {"turn": k}):
                outcome[n] = Outcome.SUPERSEDED if changed else Outcome.REPEATED
            rows = sql.SQL("SELECT {columns} FROM {stage} WHERE _turn = {k} ORDER BY {key}").format(
                columns=_names(columns), stage=stage, k=sql.Literal(k), key=_names(key)
            )
            conn.execute(_insert(shape, rows, columns, key, merge=True))
        return outcome


def _turns(columns: Sequence[Any]) -> NDArray[np.int64]:
    """How many earlier rows have the same key, for each row; O(n log n)."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        part = np.unique(np.asarray(column), return_inverse=True)[1]
        codes = np.unique(codes * (int(part.max()) + 1) + part, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    turn = np.empty(len(codes), np.int64)
    turn[order] = np.arange(len(codes)) - np.repeat(starts, np.diff(np.append(starts, len(codes))))
    return turn


def _names(columns: Sequence[str] | Mapping[str, Any]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _fill_stage(
    conn: psycopg.Connection[Any], shape: Shape, columns: Mapping[str, Any], turn: NDArray[np.int64] | None = None
) -> sql.Identifier:
    """The session's staging table for `shape`, holding just these rows, numbered by `_n`."""
    name = f"stage_{shape.table}"
    stage = sql.Identifier("pg_temp", name)
    conn.execute(
        sql.SQL(
            """CREATE TEMP TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS
               SELECT *, 0 AS _n, 0 AS _turn FROM {} WITH NO DATA"""
        ).format(sql.Identifier(name), sql.Identifier(shape.table))
    )
    conn.execute(sql.SQL("TRUNCATE {}").format(stage))
    n = len(next(iter(columns.values())))
    staged = Shape(shape.table, {**shape.types, "_n": "int4", "_turn": "int4"}, ())
    extra = {"_n": np.arange(n), "_turn": np.zeros(n, np.int64) if turn is None else turn}
    copy_rows(conn, staged, {**columns, **extra}, into=name)
    conn.execute(sql.SQL("ANALYZE {}").format(stage))
    return stage


def _changed(old: str, new: str, columns: Mapping[str, Any], key: Sequence[str], *, merge: bool) -> sql.Composed:
    """An expression: does the row `new` change the row `old`?"""
    tests = [
        sql.SQL(
            "{new} IS NOT NULL AND {new} IS DISTINCT FROM {old}" if merge else "{new} IS DISTINCT FROM {old}"
        ).format(new=sql.Identifier(new, name), old=sql.Identifier(old, name))
        for name in columns
        if name not in key and name not in _UNCOMPARED
    ]
    return sql.SQL(" OR ").join(tests) if tests else sql.SQL("{}").format(sql.SQL("false"))


def _standing(shape: Shape, stage: sql.Identifier, columns: Mapping[str, Any], key: Sequence[str]) -> sql.Composed:
    """Rows of one turn whose key stands in the table: their numbers and whether they change it.

    The LIMIT makes it an index look-up a row, whatever the planner thinks of the table's size.
    """
    same = sql.SQL(" AND ").join(sql.SQL("t.{0} = s.{0}").format(sql.Identifier(name)) for name in key)
    return sql.SQL(
        """SELECT s._n, {changed} FROM {stage} s
           CROSS JOIN LATERAL (SELECT * FROM {table} t WHERE {same} LIMIT 1) t
           WHERE s._turn = %(turn)s"""
    ).format(
        changed=_changed("t", "s", columns, key, merge=True), stage=stage, table=sql.Identifier(shape.table), same=same
    )


def _insert(
    shape: Shape, rows: sql.Composed, columns: Mapping[str, Any], key: Sequence[str], *, merge: bool
) -> sql.Composed:
    kept = _UNCOMPARED if merge else ()
    value = sql.SQL("{0} = coalesce(excluded.{0}, t.{0})" if merge else "{0} = excluded.{0}")
    values = [value.format(sql.Identifier(name)) for name in columns if name not in key and name not in kept]
    changed = _changed("t", "excluded", columns, key, merge=merge)
    action = (
        sql.SQL("UPDATE SET {} WHERE {}").format(sql.SQL(", ").join(values), changed) if values else sql.SQL("NOTHING")
    )
    return sql.SQL("INSERT INTO {} AS t ({}) {} ON CONFLICT ({}) DO {}").format(
        sql.Identifier(shape.table), _names(columns), rows, _names(key), action
    )
