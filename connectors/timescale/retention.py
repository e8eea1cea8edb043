"""How long each table keeps its rows, in one place, and the deed itself; compression where the edition has it."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import psycopg
import structlog
from psycopg import sql
from pydantic import BaseModel, ConfigDict, Field

from connectors.timescale.editions import Edition, edition

log = structlog.get_logger(__name__)

Days = Annotated[int, Field(ge=0)]

TIME: Final = {
    "reading": "at", "reading_other": "at", "event": "at", "reject": "received_at", "reading_1m": "at", "anomaly_score": "at",
    "uptime_rolling": "at", "uptime_daily": "day", "availability": "to_at", "charging_session": "ended_at",
    "audit_sum": "hour", "port_hour": "at", "failure_risk": "at",
}  # fmt: skip
"""The column by which a table's rows grow old. A row without it (an open interval, a running session) does not."""

COMPRESSED: Final = {"reading": "at", "reading_other": "channel, at", "reading_1m": "at", "anomaly_score": "at"}
"""Tables whose old chunks are compressed, by port, and the order within one."""

_AT_ONCE: Final = 50_000


class RetentionSettings(BaseModel):
    """Days for which each table keeps its rows; 0: for ever. Statements about a year need its events and intervals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reading: Annotated[Days, Field(description="Readings as they were told")] = 90
    reading_other: Annotated[Days, Field(description="Values of other measurands")] = 90
    event: Annotated[Days, Field(description="Status, session, boot and fault events")] = 1_100
    reject: Annotated[Days, Field(description="What was not understood")] = 30
    reading_1m: Annotated[Days, Field(description="Readings by the minute")] = 800
    anomaly_score: Annotated[Days, Field(description="Anomaly score of each minute")] = 400
    port_hour: Annotated[Days, Field(description="Hours of ports, from which failure models learn")] = 1_100
    failure_risk: Annotated[Days, Field(description="Predicted risks by the hour")] = 800
    uptime_rolling: Annotated[Days, Field(description="Rolling uptime by the hour")] = 800
    uptime_daily: Annotated[Days, Field(description="Uptime by the day")] = 0
    availability: Annotated[Days, Field(description="Intervals of availability")] = 0
    charging_session: Annotated[Days, Field(description="Charging sessions")] = 0
    audit_sum: Annotated[Days, Field(description="Sums of the audit")] = 400
    compress_after: Annotated[
        Days,
        Field(
            description="Days after which chunks are compressed (Community edition), 0: never; beyond it late lines are slow"
        ),
    ] = 14

    def of(self, table: str) -> timedelta | None:
        """How long `table` keeps its rows."""
        days: int = getattr(self, table)
        return timedelta(days=days) if days else None


def enforce(conn: psycopg.Connection[Any], settings: RetentionSettings, now: datetime) -> dict[str, int]:
    """Drop what is older than `settings` say, as of `now`; the number of chunks (hypertables) or rows dropped, by table.

    `conn` in autocommit, as the owner of the tables. Chunks go whole, so a hypertable keeps rows up to a chunk longer. Rows
    of plain tables go in portions of their own transactions. Safe to call at any time and again; once a day is enough.
    """
    hypertables = _hypertables(conn)
    dropped = {}
    for table, column in TIME.items():
        age = settings.of(table)
        if age is None:
            continue
        dropped[table] = (
            _drop_chunks(conn, table, now - age) if table in hypertables else _delete(conn, table, column, now - age)
        )
    if any(dropped.values()):
        log.info("old rows are gone", **{table: number for table, number in dropped.items() if number})
    return dropped


def compress(conn: psycopg.Connection[Any], settings: RetentionSettings) -> list[str]:
    """Have the Community edition compress chunks older than `compress_after`; the tables for which it will. Idempotent.

    Other editions have no compression: an empty list.
    """
    if not settings.compress_after or edition(conn) is not Edition.COMMUNITY:
        return []
    for table, order in COMPRESSED.items():
        name = sql.Identifier(table)
        conn.execute(
            sql.SQL(
                "ALTER TABLE {} SET (timescaledb.compress, timescaledb.compress_segmentby = 'port_no', "
                "timescaledb.compress_orderby = {})"
            ).format(name, sql.Literal(order))
        )
        conn.execute("SELECT remove_compression_policy(%s::regclass, if_exists => true)", (table,))
        conn.execute(
            "SELECT add_compression_policy(%s::regclass, compress_after => make_interval(days => %s))",
            (table, settings.compress_after),
        )
    return list(COMPRESSED)


def _hypertables(conn: psycopg.Connection[Any]) -> set[str]:
    if edition(conn) is Edition.PLAIN:
        return set()
    return {
        name
        for (name,) in conn.execute(
            "SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = current_schema()"
        )
    }


def _drop_chunks(conn: psycopg.Connection[Any], table: str, before: datetime) -> int:
    rows = conn.execute("SELECT drop_chunks(%s::regclass, older_than => %s::timestamptz)", (table, before))
    return len(rows.fetchall())


def _delete(conn: psycopg.Connection[Any], table: str, column: str, before: datetime) -> int:
    statement = sql.SQL(
        "DELETE FROM {0} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {0} WHERE {1} < %s LIMIT {2}))"
    ).format(sql.Identifier(table), sql.Identifier(column), sql.Literal(_AT_ONCE))
    total = 0
    while (gone := conn.execute(statement, (before,)).rowcount) > 0:
        total += gone
    return total
