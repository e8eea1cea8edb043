"""The demo's present: bridge, flows, control and the simulated network live, watched, ended in order, and accounted for."""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
import psycopg
from rich.console import Console

from chargewell.audit.run import audit
from chargewell.demo.counters import Counters, look
from chargewell.demo.judge import foreseen, judge
from chargewell.demo.summary import Account
from chargewell.demo.view import Happening, View
from chargewell.health import behind, log_ends
from chargewell.processes import Processes, wait_until
from chargewell.settings import Settings
from chargewell.up import start
from connectors.timescale.pool import Connection, connect
from schemas.alerts import Alert
from simulator.ledger import read_labels

_READY_S: Final = 60.0
_DRAIN_S: Final = 60.0
_NEWS: Final = """
SELECT recorded_at, 'incident' AS what, port || ': ' || family || ', ' || why FROM incident WHERE recorded_at >= %(since)s
UNION ALL SELECT recorded_at, 'work order', number || ' ' || port || ': ' || what FROM work_order WHERE recorded_at >= %(since)s
UNION ALL SELECT recorded_at, 'credit', port || ': ' || reason FROM credit WHERE recorded_at >= %(since)s
ORDER BY 1
"""


@dataclass
class Present:
    """A live part: its settings, its folder, how long it lasts (0: until ended), where it shows."""

    settings: Settings
    folder: Path
    seconds: float
    console: Console
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    firsts: dict[str, float] = field(default_factory=dict)
    news: list[Happening] = field(default_factory=list)

    def elapsed(self) -> float:
        """Seconds since the chain was started."""
        return (datetime.now(UTC) - self.began).total_seconds()


def live(present: Present, ended: threading.Event) -> Account:
    """Start the chain and the network, watch until the time is over or `ended`, stop the network, let the chain finish."""
    settings = present.settings
    processes = Processes(present.folder / "settings.toml", present.folder / "logs", note=present.console.print)
    try:
        present.began = datetime.now(UTC)
        start(settings, processes)
        _until_ready(settings, processes)
        network = processes.add("simulator", "simulate", "--script", stop_s=20.0)
        _tell_address(present, processes)
        with connect(settings.database, application="chargewell demo") as conn:
            _watch(present, processes, conn, ended)
            if network.child is not None:
                network.child.stop()
            processes.all.remove(network)
            present.console.print("the simulated network is silent; what is on its way is waited for")
            _drain(settings, processes)
            _take_news(present, conn)
            return _account(present, conn)
    finally:
        processes.stop()


def _until_ready(settings: Settings, processes: Processes) -> None:
    """The bridge writes heartbeats, the flows have stored them, and control answers."""

    def ready() -> bool:
        try:
            with connect(settings.database) as conn:
                marks = conn.execute("SELECT count(*) FROM flow_progress WHERE flow = 'store'").fetchone()
        except psycopg.OperationalError:
            return False
        return marks is not None and marks[0] >= settings.kafka.partitions and _answers(settings)

    if not wait_until(ready, _READY_S, [processes]):
        tails = "\n".join(f"{m.name}: {m.child.log_tail(8) if m.child else ''}" for m in processes.all)
        raise TimeoutError(f"the chain did not come up within {_READY_S:.0f} s; its processes last said:\n{tails}")


def _answers(settings: Settings) -> bool:
    """Whether control's pages answer."""
    try:
        return httpx.get(f"{settings.control.public_url}health", timeout=2.0).is_success
    except httpx.TransportError:
        return False


def _tell_address(present: Present, processes: Processes) -> None:
    text = processes["control"].child.written() if processes["control"].child else ""
    token = [line for line in text.splitlines() if "admin token" in line.lower()]
    present.console.print(f"control: [bold]{present.settings.control.public_url}[/bold]  {token[0] if token else ''}")
    present.console.print(f"logs: {processes.logs}", highlight=False)


def _watch(present: Present, processes: Processes, conn: Connection, ended: threading.Event) -> None:
    with View(present.console, str(present.settings.control.public_url)) as view:
        while not ended.is_set() and (present.seconds <= 0 or present.elapsed() < present.seconds):
            processes.watch()
            _take_news(present, conn)
            view.show(present.elapsed(), look(present.settings, conn, present.began), present.news)
            ended.wait(1.0)


def _take_news(present: Present, conn: Connection) -> None:
    rows = conn.execute(_NEWS, {"since": present.began}).fetchall()
    for at, what, text in rows[len(present.news) :]:
        seconds = (at - present.began).total_seconds()
        present.firsts.setdefault(what, seconds)
        present.news.append(Happening(seconds, f"{what}: {text}"[:160]))


def _drain(settings: Settings, processes: Processes) -> None:
    """Wait until every flow has stored what was in the log when the network fell silent, and control has taken the alerts."""
    time.sleep(2.0)
    due = log_ends(settings)

    def done() -> bool:
        try:
            return not behind(settings, due)
        except psycopg.OperationalError:
            return False

    if not wait_until(done, _DRAIN_S, [processes], step_s=0.5):
        raise TimeoutError(f"the flows did not store everything within {_DRAIN_S:.0f} s; see {processes.logs}")
    time.sleep(2.0)


def _account(present: Present, conn: Connection) -> Account:
    settings = present.settings
    report = audit(settings, ledger=settings.simulator.ledger)
    assert settings.simulator.ledger is not None  # noqa: S101 - set by the demo
    labels = [label for label in read_labels(settings.simulator.ledger) if label.start <= datetime.now(UTC)]
    alerts = [Alert.model_validate(body) for (body,) in conn.execute("SELECT body FROM inbox WHERE NOT historic")]
    now: Counters = look(settings, conn, present.began)
    firsts = present.firsts
    return Account(
        report, judge(labels, alerts), now.work_orders, now.credits,
        firsts.get("incident"), firsts.get("work order"), firsts.get("credit"), foreseen(labels, alerts),
    )  # fmt: skip
