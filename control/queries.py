"""Named queries of `sql/*.sql`: SQL stays SQL, each with a line on what it is for; rows come back as dicts.

The only way by which control talks to the database. Parameters are %(named)s and never pasted into the text.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

_HEAD = re.compile(r"^-- (?P<name>[a-z_0-9]+): (?P<purpose>.+)$", re.MULTILINE)


class NotThereError(LookupError):
    """What was asked for by name is not there."""


@cache
def queries() -> dict[str, tuple[str, str]]:
    """Name -> (purpose, SQL) of every query. ValueError for a name that stands twice."""
    found: dict[str, tuple[str, str]] = {}
    for file in sorted(files("control").joinpath("sql").iterdir(), key=lambda f: f.name):
        text = file.read_text("utf-8")
        heads = list(_HEAD.finditer(text))
        ends = [head.start() for head in heads[1:]] + [len(text)]
        for head, end in zip(heads, ends, strict=True):
            if head["name"] in found:
                raise ValueError(f"{file.name}: the query {head['name']!r} stands twice; give one another name")
            found[head["name"]] = (head["purpose"], text[head.end() : end].strip().removesuffix(";"))
    return found


@cache
def query(name: str) -> sql.SQL:
    """The query of that name; KeyError if there is none."""
    return sql.SQL(queries()[name][1])


def rows(conn: Connection, name: str, /, **parameters: Any) -> list[Row]:
    """All rows of the query `name`."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), parameters).fetchall()


def row(conn: Connection, name: str, /, **parameters: Any) -> Row | None:
    """The first row of the query `name`; None if there is none."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), parameters).fetchone()


def one(conn: Connection, name: str, /, **parameters: Any) -> Row:
    """The row of a query that always gives one; LookupError if it did not."""
    found = row(conn, name, **parameters)
    if found is None:
        raise LookupError(f"query {name} gave no row for {parameters}")
    return found


def run(conn: Connection, name: str, /, **parameters: Any) -> int:
    """Run the query `name`; how many rows it touched."""
    return conn.execute(query(name), parameters).rowcount
