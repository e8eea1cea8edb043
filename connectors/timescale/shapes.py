"""What the database knows of a table: columns, types, primary key. Read once, so no list of columns is kept in Python."""

from dataclasses import dataclass
from typing import Any

import psycopg


@dataclass(frozen=True, slots=True)
class Shape:
    """A table's name, its columns with PostgreSQL's internal type names (`float4`, `timestamptz`, ...) and its primary key."""

    table: str
    types: dict[str, str]
    key: tuple[str, ...]


def shape_of(conn: psycopg.Connection[Any], table: str) -> Shape:
    """The shape of `table` as the connection's search path finds it. ValueError if there is none."""
    rows = conn.execute(
        """SELECT a.attname, t.typname, array_position(i.indkey::int2[], a.attnum)
           FROM pg_attribute a
           JOIN pg_type t ON t.oid = a.atttypid
           LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
           WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
           ORDER BY a.attnum""",
        (f'"{table}"',),
    ).fetchall()
    if not rows:
        raise ValueError(f"table {table!r} is not in the database: check the namespace, or run `chargewell migrate`")
    key = sorted((place, name) for name, _, place in rows if place is not None)
    return Shape(table, {name: kind for name, kind, _ in rows}, tuple(name for _, name in key))
