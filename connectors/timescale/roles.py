"""Three group roles and what each may do. Logins are members of one of them; nobody works as the owner.

flows    writes telemetry and everything derived from it, reads the registry, adds discovered ports
control  writes everything but telemetry, reads all
read     sees the views, nothing else
"""

from contextlib import suppress
from typing import Any, Final

import psycopg
import structlog
from psycopg import sql

from connectors.timescale.settings import Names

log = structlog.get_logger(__name__)

TELEMETRY: Final = ("reading", "reading_other", "event", "reject", "reading_1m", "charging_session", "availability",
    "uptime_rolling", "uptime_now", "uptime_daily", "anomaly_score", "port_hour", "failure_risk", "flow_progress", "audit_recent", "audit_sum",
    "operator_snapshot")  # fmt: skip
"""Tables that the flows write and control only reads."""

REGISTRY: Final = ("site", "connector", "tariff", "site_dated", "station_dated", "port_dated", "history_span")
"""Tables of the registry beside those of `DISCOVERY`."""

READ: Final = (*REGISTRY, "audit_hour", "label", "model")
"""Tables and views that the flows only read."""

DISCOVERY: Final = ("station", "port")
"""Tables into which the flows put ports that nobody registered."""


def grant(conn: psycopg.Connection[Any], names: Names) -> bool:
    """Make the roles where they lack and give each its rights on what stands now; whether that was allowed.

    Runs inside the caller's transaction. A login that may not create roles gets a warning in the log and no rights are
    changed. Rights that were given by hand are not taken away.
    """
    for role in (names.flows, names.control, names.read):
        try:
            _create(conn, role)
        except psycopg.errors.InsufficientPrivilege:
            log.warning(
                "a role is missing and this login may not create it: no rights were given",
                role=role,
                remedy="create it as a superuser (CREATE ROLE ... NOLOGIN) and run migrate again",
            )
            return False
    for statement in _statements(names):
        conn.execute(statement)
    return True


def create_login(conn: psycopg.Connection[Any], login: str, password: str, group: str) -> None:
    """Make (or change) a login with `password` that is a member of `group`, one of the roles above."""
    who, secret, role = sql.Identifier(login), sql.Literal(password), sql.Identifier(group)
    verb = sql.SQL("ALTER" if _exists(conn, login) else "CREATE")
    conn.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, who, secret))
    conn.execute(sql.SQL("GRANT {} TO {}").format(role, who))


def _create(conn: psycopg.Connection[Any], role: str) -> None:
    if _exists(conn, role):
        return
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation), conn.transaction():
        # Roles belong to the whole server: a migrate of another database may be making the same one.
        conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))


def _exists(conn: psycopg.Connection[Any], role: str) -> bool:
    return conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None


def _statements(names: Names) -> list[sql.Composed]:
    schema, pub = sql.Identifier(names.schema), sql.Identifier(names.pub)
    flows, control, read = (sql.Identifier(r) for r in (names.flows, names.control, names.read))

    def tables(which: tuple[str, ...]) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(names.schema, table) for table in which)

    every = sql.SQL("ALL TABLES IN SCHEMA {}").format(schema)
    return [
        sql.SQL("GRANT USAGE ON SCHEMA {} TO {}, {}").format(schema, flows, control),
        sql.SQL("GRANT USAGE ON SCHEMA {} TO {}, {}, {}").format(pub, flows, control, read),
        sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}, {}, {}").format(pub, flows, control, read),
        sql.SQL("GRANT SELECT ON {} TO {}").format(tables(READ), flows),
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}").format(tables(TELEMETRY), flows),
        sql.SQL("GRANT SELECT, INSERT ON {} TO {}").format(tables(DISCOVERY), flows),
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}").format(every, control),
        sql.SQL("REVOKE INSERT, UPDATE, DELETE ON {} FROM {}").format(tables(TELEMETRY), control),
        sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {} TO {}, {}").format(schema, flows, control),
    ]
