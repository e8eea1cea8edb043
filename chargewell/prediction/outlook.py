"""The outlook of a shard's ports, worked out in threads beside the flow: hours from the tables, risks from the live model and
those in shadow."""

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
import structlog

from chargewell.prediction.registry import Loaded, loaded
from connectors.timescale import hours as stored
from connectors.timescale import registry
from connectors.timescale.history import ports_of
from connectors.timescale.models import ModelError
from connectors.timescale.pool import Connection, connect
from connectors.timescale.settings import DatabaseSettings
from models.failure.bundle import BundleError
from models.failure.chargers import MEMORY_DAYS
from models.failure.foretell import Risks, foretell
from models.failure.hours import HOUR_US, joined
from models.failure.operator import Foretold
from models.operator import Write
from schemas.assets import PortFacts
from schemas.labels import Label
from schemas.topics import shard_partition

log = structlog.get_logger(__name__)

_DAY_US: Final = 24 * HOUR_US
_PORTS: Final = 100
_WAIT_S: Final = 60.0
_PAUSE_S: Final = 5.0
_BACK_DAYS: Final = 7
"""Where nothing was told yet, the days before are told too, one hour a day, so that a risk has a past."""
_FIRST: Final = ("store", "sessions", "anomaly")
"""Flows that must have stored what an hour is made of."""


@dataclass(frozen=True, slots=True)
class _Question:
    shard: str
    until_us: int
    origin: int


class DatabaseOutlook:
    """An `Outlook` over the tables: one thread and one connection at a time, shard after shard.

    What fails (a database that is away, a defect) is logged, and asked again by the operator after a pause. Threads are daemons: a process
    that ends does not wait for them; an outlook that was not told is asked for again.
    """

    def __init__(self, settings: DatabaseSettings, partitions: int) -> None:
        self._settings, self._partitions = settings, partitions
        self._questions: queue.Queue[_Question] = queue.Queue()
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._ready: dict[str, Foretold] = {}
        self._thread: threading.Thread | None = None

    def ask(self, shard: str, until_us: int, origin: int) -> None:
        """Begin with an outlook."""
        with self._lock:
            self._busy.add(shard)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="failure outlook", daemon=True)
                self._thread.start()
        self._questions.put(_Question(shard, until_us, origin))

    def answer(self, shard: str) -> Foretold | None:
        """The outlook, once it is there."""
        with self._lock:
            found = self._ready.pop(shard, None)
            if found is not None:
                self._busy.discard(shard)
            return found

    def busy(self, shard: str) -> bool:
        """Whether one is being worked out, or waits to be taken."""
        with self._lock:
            return shard in self._busy

    def _run(self) -> None:
        while True:
            question = self._questions.get()
            try:
                with connect(self._settings, application="chargewell failure outlook") as conn:
                    self._wait(conn, question)
                    found = outlook(conn, question.shard, question.until_us, self._partitions)
            except (psycopg.Error, ModelError, BundleError, ValueError) as error:
                log.warning("no outlook, trying again", shard=question.shard, error=str(error).strip())
                self._give_up(question.shard)
            except Exception:  # a defect: it is told whole, and neither ends the thread nor the flow beside it
                log.exception("no outlook, trying again", shard=question.shard)
                self._give_up(question.shard)
            else:
                with self._lock:
                    self._ready[question.shard] = found

    def _give_up(self, shard: str) -> None:
        """After a pause the operator may ask again."""
        time.sleep(_PAUSE_S)
        with self._lock:
            self._busy.discard(shard)

    def _wait(self, conn: Connection, question: _Question) -> None:
        """Until the flows have stored what came before the end of the hour, a minute at most: a flow may not run at all."""
        end = time.monotonic() + _WAIT_S
        while time.monotonic() < end:
            done: dict[str, int] = dict(
                conn.execute("SELECT flow, origin FROM flow_progress WHERE shard = %s", (question.shard,)).fetchall()
            )
            if all(done.get(flow, -1) >= question.origin for flow in _FIRST):
                return
            time.sleep(0.2)
        log.warning("flows are behind: the outlook goes by what is stored", shard=question.shard)


def outlook(conn: Connection, shard: str, until_us: int, partitions: int) -> Foretold:
    """The outlook of a shard at `until_us`: hours that lack are made (they reach back 90 days at most), then every model is asked."""
    ports = stored.numbers(conn, ports_of(conn, shard_partition(shard), partitions))
    models, facts, labels = loaded(conn), registry.facts(conn), stored.labels(conn)
    rows: list[Write] = []
    risks: list[Risks] = []
    names = list(ports)
    for first in range(0, len(names), _PORTS):
        some = {name: ports[name] for name in names[first : first + _PORTS]}
        row, said = _some(conn, some, until_us, (models, facts, labels))
        rows += row
        risks += said
    return Foretold(until_us, rows, risks)


def _some(
    conn: Connection,
    ports: Mapping[str, int],
    until_us: int,
    known: tuple[Sequence[Loaded], Mapping[str, PortFacts], Sequence[tuple[Label, bool]]],
) -> tuple[list[Write], list[Risks]]:
    models, facts, labels = known
    newest = stored.newest(conn, "hours_known", ports)
    begin = stored.newest(conn, "hours_begin", ports, until_us - MEMORY_DAYS * _DAY_US) if newest is None else None
    # the newest hour is made again: it may have been cut short when it was made
    start = newest if newest is not None else (begin or until_us) // HOUR_US * HOUR_US
    fresh = stored.make(conn, ports, facts, min(start, until_us), until_us)
    rows: list[Write] = [stored.rows_of(fresh)] if len(fresh) else []
    if not models:
        return rows, []
    past = stored.read(conn, ports, until_us - MEMORY_DAYS * _DAY_US, until_us)
    hours = joined(list(ports), [past, fresh])
    at = _times(stored.newest(conn, "risks_known", ports), until_us)
    return rows, [
        foretell(m.bundle, hours, facts, labels, at, shadow=m.shadow, level=m.level) for m in models if len(hours)
    ]


def _times(told: int | None, until_us: int) -> list[int]:
    if told is not None:
        return [until_us]
    return [until_us - day * _DAY_US for day in range(_BACK_DAYS, -1, -1)]
