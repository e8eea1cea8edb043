"""Binary COPY of columns into a table."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from connectors.timescale.encode import encode
from connectors.timescale.shapes import Shape


def copy_rows(conn: psycopg.Connection[Any], shape: Shape, columns: Mapping[str, Any], into: str | None = None) -> int:
    """COPY `columns` (see `encode`) into the table of `shape`, or into `into`, a table with columns of the same types.

    Returns the number of rows. Columns that are not given become their defaults. Raises psycopg.errors.UniqueViolation
    if a row's key is there already or twice in `columns`; then the transaction (or savepoint) has to be rolled back.
    """
    copy_in = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(into or shape.table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with conn.cursor() as cursor:
        with cursor.copy(copy_in) as copy:
            for piece in encode(shape, columns):
                copy.write(piece)
        return cursor.rowcount
