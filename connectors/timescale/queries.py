"""Named queries of `queries.sql`: SQL stays SQL, each with a line on what it is for."""

import re
from functools import cache
from importlib.resources import files

from psycopg import sql

_HEAD = re.compile(r"^-- (?P<name>[a-z_0-9]+): (?P<purpose>.+)$", re.MULTILINE)


@cache
def queries() -> dict[str, tuple[str, str]]:
    """Name -> (purpose, SQL) of every query of the file. ValueError for a name that stands twice."""
    text = files("connectors.timescale").joinpath("queries.sql").read_text("utf-8")
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    found: dict[str, tuple[str, str]] = {}
    for head, end in zip(heads, ends, strict=True):
        if head["name"] in found:
            raise ValueError(f"queries.sql: {head['name']!r} stands there twice; give one another name")
        found[head["name"]] = (head["purpose"], text[head.end() : end].strip().removesuffix(";"))
    return found


@cache
def query(name: str) -> sql.SQL:
    """The query of that name, ready for `execute` with named parameters (`{names}` of tables are for `format`); KeyError if there is none."""
    return sql.SQL(queries()[name][1])
