"""One audit: spans to read, the comparisons in turn, a report for people."""

import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chargewell.audit.findings import MEANING, Finding, Report
from chargewell.audit.lines import Lines
from chargewell.audit.log import RawSide, read_raw, read_telemetry
from chargewell.audit.tables import check_events, check_others, check_readings, check_rejects, check_sums
from chargewell.health import behind
from chargewell.processes import wait_until
from chargewell.settings import Settings
from connectors.kafka import ends, offsets_at
from connectors.timescale.pool import Connection, connect
from schemas.topics import shard_partition
from simulator.ledger import read as read_ledger

_SHOWN = 20
UNDER_WAY_S = 15.0
"""How long a flow may take to store what stands in the log already, before that counts as missing."""
Spans = dict[int, tuple[int, int]]


def run(settings: Settings, *, hours: float, ledger: Path | None, console: Console) -> int:
    """Audit and print; 0 if all is sound, 1 if anything is amiss."""
    report = audit(settings, hours=hours, ledger=ledger)
    show(report, console)
    return 0 if report.sound else 1


def audit(settings: Settings, *, hours: float = 0, ledger: Path | None = None) -> Report:
    """Hold ledger, log and tables against each other; reads the topics from `hours` ago (0: from their beginning).

    Cost: one pass over both topics and the rows of the ports in them; memory holds the keys and compared values of that
    span, about 60 bytes a reading. What is on its way as it begins is waited for, `UNDER_WAY_S` at most; what arrives while it
    runs counts as queued.
    """
    kafka = settings.kafka
    log = _spans(settings, kafka.topics.raw, hours)
    due = {partition: high for partition, (_, high) in log.items()}
    wait_until(lambda: not behind(settings, due, ("store",)), UNDER_WAY_S, step_s=0.5)
    raw = read_raw(kafka, log)
    telemetry = _spans(settings, kafka.topics.telemetry, hours)
    with connect(settings.database, application="chargewell audit") as conn:
        report = Report(messages=raw.messages.total())
        report.repeated_messages = report.messages - len(raw.messages)
        lines = Lines(_progress(conn))
        for item in read_telemetry(kafka, telemetry, raw):
            if isinstance(item, Finding):
                report.findings.append(item)
            else:
                lines.take(item)
        if ledger is not None:
            _check_ledger(ledger, raw, report)
        report.findings.extend(check_readings(conn, lines))
        report.findings.extend(check_others(conn, lines))
        report.findings.extend(check_events(conn, lines))
        report.findings.extend(check_rejects(conn, lines, {p: start for p, (start, _) in raw.spans.items()}))
        report.findings.extend(check_sums(conn, lines, whole=hours == 0))
        _count(conn, lines, report)
    return report


def _spans(settings: Settings, topic: str, hours: float) -> Spans:
    now = ends(settings.kafka, topic)
    first = (
        offsets_at(settings.kafka, topic, time.time_ns() // 1_000 - round(hours * 3.6e9))
        if hours
        else {p: low for p, (low, _) in now.items()}
    )
    return {p: (first[p], high) for p, (_, high) in now.items()}


def _progress(conn: Connection) -> dict[int, int]:
    rows = conn.execute("SELECT shard, origin FROM flow_progress WHERE flow = 'store'").fetchall()
    return {shard_partition(shard): origin for shard, origin in rows}


def _check_ledger(path: Path, raw: RawSide, report: Report) -> None:
    """What the broker acknowledged must be in the log; what is in the log of these stations must have been said."""
    said = {}
    stations = set()
    report.acknowledged = 0
    for entry in read_ledger(path):
        said[entry.digest] = entry
        stations.add(entry.station)
        report.acknowledged += entry.acknowledged
    for name, entry in said.items():
        if entry.acknowledged and name not in raw.messages:
            report.findings.append(Finding("lost_message", "ev.raw", entry.station, entry.at, f"topic {entry.topic}"))
    for topic, payload in raw.messages.keys() - said.keys():
        station = topic.split("/")[1] if topic.count("/") else topic
        if station in stations and "/from/" in topic:
            report.findings.append(
                Finding("unknown_message", "ev.raw", station, None, f"topic {topic}, payload {payload.hex()[:12]}")
            )


def _count(conn: Connection, lines: Lines, report: Report) -> None:
    row = conn.execute(
        "SELECT coalesce(sum(received), 0)::bigint, coalesce(sum(stored), 0)::bigint, coalesce(sum(repeated), 0)::bigint, "
        "coalesce(sum(superseded), 0)::bigint, coalesce(sum(rejected), 0)::bigint FROM audit_hour WHERE flow = 'store'"
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives one row
    names = ("received", "stored", "repeated", "superseded", "rejected")
    report.counts = dict(zip(names, row, strict=True)) | {"queued": lines.queued.total()}
    report.counts["received"] += report.counts["queued"]


def show(report: Report, console: Console) -> None:
    """Print sums and findings."""
    table = Table(title="Audit", show_header=False, title_justify="left")
    table.add_row("messages in the log", f"{report.messages:,}", f"{report.repeated_messages:,} of them repeated")
    if report.acknowledged is not None:
        table.add_row("acknowledged to stations", f"{report.acknowledged:,}", "from the ledger")
    for name, number in report.counts.items():
        table.add_row(f"lines {name}", f"{number:,}", "")
    console.print(table)
    if report.sound:
        console.print("[green]Nothing was lost, doubled, dropped or altered.[/green]")
        return
    console.print(f"[red]{len(report.findings)} differences:[/red]")
    for finding in report.findings[:_SHOWN]:
        console.print(f"  {finding}", markup=False, highlight=False)
    if len(report.findings) > _SHOWN:
        console.print(f"  and {len(report.findings) - _SHOWN} more")
    for kind in sorted({finding.kind for finding in report.findings}):
        console.print(f"  {kind}: {MEANING[kind]}", style="dim", markup=False)
