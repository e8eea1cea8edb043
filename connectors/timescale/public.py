"""The public views: what there is, and the statement that reads a choice of columns and rows of one.

Names of views and columns are looked up in the catalogue before they stand in a statement. Reading itself: `arrow`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import sql

from connectors.timescale.pool import Connection, connect
from connectors.timescale.settings import DatabaseSettings, Names

TIMES: Final = (
    "at", "started_at", "opened_at", "proposed_at", "created_at", "recorded_at", "received_at", "day", "hour",
)  # fmt: skip
"""The column that a span is about: the first of these that a view has, where its rows are no intervals."""
INTERVALS: Final = (("from_at", "to_at"), ("start_at", "end_at"), ("valid_from", "valid_to"))
"""Views of intervals: a row belongs to a span if it overlaps it; an end of null is open."""

NATIVE: Final = frozenset({"smallint", "integer", "bigint", "real", "double precision", "boolean", "text", "date",
    "timestamp with time zone", "text[]"})  # fmt: skip
"""Types that are read as they are; columns of all others are read as text."""


class PublicViewError(ValueError):
    """What was asked of the views cannot be given; the message names what is wrong and what there is."""


@dataclass(frozen=True, slots=True)
class View:
    """A public view: what it is about, and PostgreSQL's type of each column, in order."""

    name: str
    comment: str
    columns: dict[str, str]

    @property
    def interval(self) -> tuple[str, str] | None:
        """The columns of its beginning and end, where its rows are intervals."""
        return next((pair for pair in INTERVALS if set(pair) <= set(self.columns)), None)

    @property
    def time(self) -> str | None:
        """The column that says when a row was (of an interval: began); None for a view without times."""
        if self.interval is not None:
            return self.interval[0]
        return next((name for name in TIMES if name in self.columns), None)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which columns and rows of a view: all where nothing is said. The span is [`start`, `end`), both with a time zone."""

    columns: Sequence[str] = ()
    ports: Sequence[str] = ()
    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        for name, at in (("start", self.start), ("end", self.end)):
            if at is not None and at.tzinfo is None:
                raise PublicViewError(f"the {name} {at} has no time zone: add one, e.g. {at.isoformat()}+00:00")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise PublicViewError(f"the span from {self.start} to {self.end} is empty: the end comes after the start")


def public_views(settings: DatabaseSettings) -> dict[str, View]:
    """All public views of the deployment by name. PublicViewError if there are none or the login may not read them."""
    names = Names(settings.namespace)
    with connect(settings, application="chargewell views") as conn:
        views = _catalogue(conn, names)
        if not views:
            raise PublicViewError(
                f"the schema {names.pub} holds no views: was `chargewell migrate` run on this database?"
            )
        _check_role(conn, names)
    return views


def view_of(settings: DatabaseSettings, name: str) -> View:
    """The view of that name; PublicViewError names those there are."""
    known = public_views(settings)
    if name not in known:
        raise PublicViewError(f"there is no public view {name!r}; there are {', '.join(sorted(known))}")
    return known[name]


def _catalogue(conn: Connection, names: Names) -> dict[str, View]:
    rows = conn.execute(
        """SELECT k.relname, coalesce(obj_description(k.oid, 'pg_class'), ''), a.attname, format_type(a.atttypid, a.atttypmod)
           FROM pg_class k JOIN pg_namespace n ON n.oid = k.relnamespace JOIN pg_attribute a ON a.attrelid = k.oid
           WHERE n.nspname = %s AND k.relkind = 'v' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY k.relname, a.attnum""",
        (names.pub,),
    ).fetchall()
    views: dict[str, View] = {}
    for view, comment, column, kind in rows:
        views.setdefault(view, View(view, comment, {})).columns[column] = kind
    return views


def _check_role(conn: Connection, names: Names) -> None:
    row = conn.execute(
        "SELECT session_user, (SELECT pg_has_role(session_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = %s)",
        (names.read,),
    ).fetchone()
    if row is None or not row[1]:
        login = row[0] if row else "this login"
        raise PublicViewError(
            f"{login} may not take the role {names.read}, under which views are read: GRANT {names.read} TO {login}, "
            "or give database.dsn a login that is a member of it"
        )


def chosen(view: View, choice: Choice) -> list[str]:
    """The columns of `view` that `choice` asks for, in its order; PublicViewError for one that is not there."""
    unknown = [name for name in choice.columns if name not in view.columns]
    if unknown:
        raise PublicViewError(f"{view.name} has no column {unknown[0]!r}; it has {', '.join(view.columns)}")
    return list(choice.columns) or list(view.columns)


def statement(names: Names, view: View, choice: Choice) -> sql.Composed:
    """The SELECT of `choice`, rows in no order. PublicViewError where the view has no such column, no port or no time."""
    said = sql.SQL(", ").join(_expression(name, view.columns[name]) for name in chosen(view, choice))
    rows = sql.SQL("SELECT {} FROM {}").format(said, sql.Identifier(names.pub, view.name))
    where = [*_ports(view, choice), *_span(view, choice)]
    return rows + sql.SQL(" WHERE " if where else "") + sql.SQL(" AND ").join(where)


def _expression(name: str, kind: str) -> sql.Composed:
    column = sql.Identifier(name)
    return sql.Composed([column]) if kind in NATIVE else sql.SQL("{}::text AS {}").format(column, column)


def _ports(view: View, choice: Choice) -> list[sql.Composed]:
    if not choice.ports:
        return []
    if "port" not in view.columns:
        raise PublicViewError(
            f"{view.name} has no column port, so no ports can be chosen; it has {', '.join(view.columns)}"
        )
    return [sql.SQL("port = ANY({})").format(sql.Literal(list(choice.ports)))]


def _span(view: View, choice: Choice) -> list[sql.Composed]:
    if choice.start is None and choice.end is None:
        return []
    if view.time is None:
        raise PublicViewError(f"{view.name} is about no time, so no span can be chosen: leave start and end away")
    when = sql.Identifier(view.time)
    found: list[sql.Composed] = []
    if choice.end is not None:
        found.append(sql.SQL("{} < {}").format(when, _time(choice.end)))
    if choice.start is not None and view.interval is not None:
        end = sql.Identifier(view.interval[1])
        found.append(sql.SQL("({} IS NULL OR {} > {})").format(end, end, _time(choice.start)))
    elif choice.start is not None:
        found.append(sql.SQL("{} >= {}").format(when, _time(choice.start)))
    return found


def _time(at: datetime) -> sql.Composed:
    return sql.SQL("{}::timestamptz").format(sql.Literal(at.isoformat()))
