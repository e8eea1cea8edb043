"""Public views as streams of Arrow columns, read under the read-only role.

Rows travel by binary COPY in batches of some megabytes, so memory does not grow with the span. Needs the extra `export`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import adbc_driver_postgresql
import pyarrow as pa
from adbc_driver_manager import Error as AdbcError
from adbc_driver_postgresql import dbapi
from psycopg import sql
from psycopg.conninfo import make_conninfo

from connectors.timescale.public import Choice, PublicViewError, View, chosen, statement, view_of
from connectors.timescale.settings import DatabaseSettings, Names

_DECIMAL: Final = pa.decimal128(38, 9)
_BATCH_OPTION: Final = adbc_driver_postgresql.StatementOptions.BATCH_SIZE_HINT_BYTES.value
_BATCH_BYTES: Final = 4_194_304


@dataclass(slots=True)
class Stream:
    """The rows of a view as they come: `batches` can be gone through once, within the `with` that opened it."""

    view: View
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch] = field(repr=False)

    def table(self) -> pa.Table:
        """All that is left of it, in memory."""
        return pa.Table.from_batches(self.batches, self.schema)


@contextmanager
def open_view(settings: DatabaseSettings, name: str, choice: Choice | None = None) -> Iterator[Stream]:
    """Read a view, rows in no particular order, by one statement (one consistent state), which may take as long as it takes.

    Times come as timestamps in UTC, numerics as decimals of nine places, jsonb and uuid as text, lists as lists; each field
    carries PostgreSQL's type, the schema the view's comment. PublicViewError for an unknown view or column, or a choice
    that the view does not allow; psycopg.OperationalError if the database is not there.
    """
    choice, names = choice or Choice(), Names(settings.namespace)
    view = view_of(settings, name)
    query = statement(names, view, choice).as_string(None)
    schema = _schema(view, chosen(view, choice))
    dsn = make_conninfo(
        settings.dsn, application_name="chargewell export", connect_timeout=max(1, round(settings.connect_timeout_s))
    )
    try:
        with dbapi.connect(dsn, autocommit=True) as conn, conn.cursor() as cursor:
            for setting in _session(names):
                cursor.execute(setting)
            cursor.adbc_statement.set_options(**{_BATCH_OPTION: str(_BATCH_BYTES)})
            cursor.execute(query)
            yield Stream(view, schema, _typed(cursor.fetch_record_batch(), schema))
    except AdbcError as error:
        said = str(error).strip().splitlines()[0]
        raise PublicViewError(f"the database cannot give {names.pub}.{name}: {said}") from error


def _session(names: Names) -> list[str]:
    role = sql.SQL("SET ROLE {}").format(sql.Identifier(names.read)).as_string(None)
    return [role, "SET timezone = 'UTC'", "SET default_transaction_read_only = on"]


def _schema(view: View, columns: list[str]) -> pa.Schema:
    kinds = {name: view.columns[name] for name in columns}
    fields = [pa.field(name, _arrow(kind), metadata={"postgresql": kind}) for name, kind in kinds.items()]
    return pa.schema(fields, metadata={"view": view.name, "comment": view.comment})


def _arrow(kind: str) -> Any:
    known = {
        "smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(), "real": pa.float32(),
        "double precision": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(),
        "timestamp with time zone": pa.timestamp("us", "UTC"), "text[]": pa.list_(pa.string()),
    }  # fmt: skip
    return _DECIMAL if kind.startswith("numeric") else known.get(kind, pa.string())


def _typed(reader: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        columns = [array.cast(wanted.type) for array, wanted in zip(batch.columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
