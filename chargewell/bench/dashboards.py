"""Every query of every dashboard timed: on thirty simulated days of 120 ports, and on a year of 1,000 ports made up in SQL.

Each is run under the read-only role with the time range that its dashboard opens with, and with the longest that it offers.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.table import Table

from chargewell.bench.dashboards_history import write_history
from chargewell.services import start_all
from chargewell.settings import Settings
from connectors.timescale.migrate import migrate
from connectors.timescale.settings import DatabaseSettings, Names
from dashboards import alert_rules
from dashboards.annotations import SqlAnnotation
from dashboards.files import all_dashboards, as_json
from dashboards.layout import DAYS
from dashboards.sql import expand

LIMIT_S: Final = 1.0
_MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """A query and the ranges (days) that it is asked for."""

    where: str
    title: str
    text: str
    shows: float
    longest: float


def run(settings: Settings, console: Console, *, days: float, stations: int, year: bool, repeats: int) -> int:
    """Print a table for each database; 1 if a query took a second or more, else 0. A server of its own, its data removed."""
    worst = 0.0
    folder = settings.data_dir / "bench-dashboards"
    with start_all(folder, settings.services, note=console.print, kinds=("postgres",)) as services:
        console.print(f"database: {services.choices['postgres'].provider.version()}", highlight=False)
        with _database(services.postgres.dsn) as dsn:
            end_us = time.time_ns() // 1_000 // _MINUTE_US * _MINUTE_US
            mine = settings.model_copy(update={"database": DatabaseSettings(dsn=dsn)})
            write_history(mine, stations=stations, days=days, end_us=end_us)
            worst = max(
                worst,
                timed(dsn, datetime.fromtimestamp(end_us / 1e6, UTC), repeats, console, f"{days:g} simulated days"),
            )
        if year:
            with _database(services.postgres.dsn) as dsn:
                end = datetime.now(UTC).replace(second=0, microsecond=0)
                fill_year(dsn, end)
                worst = max(worst, timed(dsn, end, repeats, console, "a generated year of 1,000 ports"))
    return 0 if worst < LIMIT_S else 1


def questions() -> list[Question]:
    """All queries of panels, annotations and alert rules."""
    found = []
    for uid, page in all_dashboards().items():
        shows = DAYS[str(as_json(page.time)["from"])]
        longest = DAYS[as_json(page.timepicker)["quick_ranges"][-1]["from"]]
        asked = [
            (f"{panel.id_val} {panel.title}", target.text)
            for panel in page.panels or []
            for target in getattr(panel, "targets", None) or []
        ]
        notes = page.annotations.list_val if page.annotations is not None else None
        asked += [(note.name, note.sql) for note in notes or [] if isinstance(note, SqlAnnotation)]
        found += [Question(uid.removeprefix("chargewell-"), title, text, shows, longest) for title, text in asked]
    return found + [Question("alert rule", one.uid, one.sql, 1, 1) for one in alert_rules.WANTED]


def timed(dsn: str, end: datetime, repeats: int, console: Console, title: str) -> float:
    """Time each query, print the table, and give the slowest median (seconds)."""
    table = Table(title=f"{title}: milliseconds, median of {repeats}", title_justify="left")
    for heading in ("dashboard", "query", "range", "rows", "ms", "longest range", "rows", "ms"):
        table.add_column(heading, justify="left" if heading in ("dashboard", "query") else "right")
    slowest = 0.0
    with psycopg.connect(dsn, autocommit=True) as conn:
        chosen = _chosen(conn)
        conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(Names().read)))
        for question in questions():
            cells = [question.where, question.title[:44]]
            for days in (question.shows, question.longest):
                text = expand(question.text, end - timedelta(days=days), end, chosen)
                rows, seconds = _ask(conn, text, repeats)
                slowest = max(slowest, seconds)
                shown = f"{seconds * 1_000:.0f}"
                cells += [f"{days:g} d", str(rows), f"[red]{shown}[/red]" if seconds >= LIMIT_S else shown]
            table.add_row(*cells)
    console.print(table)
    console.print(f"slowest: {slowest * 1_000:.0f} ms", highlight=False)
    return slowest


def fill_year(dsn: str, end: datetime, *, stations: int = 500, days: int = 365) -> None:
    """Make up `days` (at least twelve) before `end` in the empty, migrated database: two ports a station, 60 sites.

    The year of 1,000 ports takes a few minutes.
    """
    text = files("chargewell.bench").joinpath("dashboards_year.sql").read_text("utf-8")
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("SET search_path = chargewell, public")
        conn.execute("SET synchronous_commit = off")
        for name, value in (
            (":end", f"'{end.isoformat()}'::timestamptz"),
            (":days", str(days)),
            (":stations", str(stations)),
        ):
            text = text.replace(name, value)
        for statement in text.split(";\n"):
            if statement.strip():
                conn.execute(statement.encode())
        conn.execute("VACUUM ANALYZE")


def _ask(conn: psycopg.Connection[Any], text: str, repeats: int) -> tuple[int, float]:
    """Rows, and the median of the times after a first run that warms the cache."""
    took = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        rows = len(conn.execute(text.encode()).fetchall())
        took.append(time.perf_counter() - began)
        if took[-1] > 10 * LIMIT_S:
            return rows, took[-1]
    return rows, statistics.median(took[1:])


def _chosen(conn: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """All sites and stations, and the port with the most minutes of the lowest number."""

    def one(query: bytes) -> list[str]:
        return [row[0] for row in conn.execute(query)]

    return {
        "site": one(b"SELECT DISTINCT site FROM pub.port_now"),
        "station": one(b"SELECT DISTINCT station FROM pub.port_now"),
        "port": one(b"SELECT port FROM pub.port_now ORDER BY port_no LIMIT 1"),
    }


@contextmanager
def _database(server: str) -> Iterator[str]:
    name = "bench_dashboards"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        conn.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        dsn = make_conninfo(server, dbname=name)
        migrate(dsn)
        try:
            yield dsn
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")
