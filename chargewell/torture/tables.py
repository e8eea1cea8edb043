"""The tables that must be equal, as rows that mean the same in two deployments: ports by name, no surrogates, no wall clock."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from connectors.timescale.pool import Connection

_NOT_COMPARED: Final[dict[str, set[str]]] = {
    "incident": {"incident_id", "order_id", "recorded_at"},
    "work_order": {"order_id", "number", "recorded_at", "state_since", "responded_at"},
    "credit": {"credit_id", "incident_id", "recorded_at", "decided_at", "settled_at"},
    "command": {"command_id", "order_id", "incident_id", "created_at", "expires_at", "sent_at", "answered_at"},
}
"""Numbers drawn from counters, and times of the clock on the wall."""
TABLES: Final = (
    "reading", "reading_other", "event", "reading_1m", "charging_session", "availability", "uptime_daily", "anomaly_score",
    "incident", "work_order", "credit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows of a table that only one of the two has."""

    table: str
    only_calm: list[dict[str, Any]]
    only_torn: list[dict[str, Any]]

    def __str__(self) -> str:
        some = [f"  only calm: {row}" for row in self.only_calm[:3]] + [
            f"  only torn: {row}" for row in self.only_torn[:3]
        ]
        counts = (
            f"{self.table}: {len(self.only_calm)} rows only in the calm run, {len(self.only_torn)} only in the torn one"
        )
        return "\n".join([counts, *some])


Rows = Counter[tuple[tuple[str, str], ...]]


def rows(conn: Connection, table: str) -> Rows:
    """All rows of `table` as sorted (column, text) pairs; text is the server's own, so equal means equal to the last digit."""
    columns = [
        name
        for (name,) in conn.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = %s "
            "ORDER BY column_name",
            (table,),
        )
        if name not in _NOT_COMPARED.get(table, set())
    ]
    if not columns:
        raise LookupError(f"no table {table} in this schema: was it migrated?")
    by_port = "port_no" in columns
    shown = ["p.port" if name == "port_no" else f"t.{name}" for name in columns]
    listed = ", ".join(f"{text}::text" for text in shown)
    join = " JOIN port p USING (port_no)" if by_port else ""
    found = conn.execute(f"SELECT {listed} FROM {table} t{join}")  # noqa: S608 - names from the catalogue
    return Counter(tuple(zip(columns, map(str, row), strict=True)) for row in found)


def differences(calm: dict[str, Rows], torn: dict[str, Rows]) -> list[Difference]:
    """The tables that are not equal, with the rows that only one side has."""
    found = []
    for table in calm:
        left, right = calm[table] - torn[table], torn[table] - calm[table]
        if left or right:
            found.append(Difference(table, [dict(r) for r in left.elements()], [dict(r) for r in right.elements()]))
    return found
