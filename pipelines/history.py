"""Backfill: batches from anywhere through the same operators as live ones, into the same tables; alerts become history.

Operators are told of no raw offsets of the log: a backfill counts its own, under flow names of its own, so the marks of
the live flows stay untouched.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from models.columns import Batch
from models.operator import Marked, Operator, Outputs
from schemas.alerts import Alert
from schemas.topics import shard_name

FLOW: Final = "history."
"""Prefix of the flow names under which a backfill writes."""
_AHEAD: Final = 8


class Writer(Protocol):
    """Writes outputs of a flow; `connectors.timescale.sink.Writer`."""

    def write(self, shard: str, outputs: Outputs, origin: int) -> Any:
        """Store them in one transaction."""

    def close(self) -> None:
        """Give the connection back."""


@dataclass
class Backfilled:
    """What a backfill did: readings taken, alerts raised (history, not published), and the operators as it left them."""

    readings: int = 0
    events: int = 0
    alerts: list[Alert] = field(default_factory=list)
    operators: dict[tuple[str, str], Marked] = field(default_factory=dict)
    """(operator, shard) -> the operator behind its mark."""

    def seeds(self) -> Iterable[tuple[str, str, dict[str, Any]]]:
        """(operator, shard, snapshot) to start live flows from: as `Marked.snapshot`, before the first offset of the log."""
        for (name, shard), marked in self.operators.items():
            yield name, shard, marked.snapshot() | {"origin": -1}


def backfill(
    batches: Iterable[Batch],
    operators: Mapping[str, Callable[[str], Operator]],
    open_writer: Callable[[str], Writer],
    *,
    progress: Callable[[int], None] = lambda _readings: None,
    also: Callable[[Outputs], None] = lambda _outputs: None,
) -> Backfilled:
    """Run `batches` (in order within each partition) through one operator of each kind per shard and write what they say.

    The `first`..`last` of a batch must rise within a partition. Writing runs in a thread beside computing, a few writes
    ahead at most; `also` is shown all that the operators put out. The first error of either ends the backfill and is raised; what was written stays and may be written again.
    """
    done = Backfilled()
    out = _Output(open_writer, list(operators))
    try:
        for batch in batches:
            shard = shard_name(batch.partition)
            for name, make in operators.items():
                marked = done.operators.get((name, shard))
                if marked is None:
                    marked = done.operators[name, shard] = Marked(make(shard))
                outputs = marked.step(batch)
                done.alerts.extend(outputs.alerts)
                also(outputs)
                out.put(name, shard, outputs, batch.last)
            done.readings += len(batch.readings)
            done.events += len(batch.events)
            progress(done.readings)
    finally:
        out.close()
    out.check()
    return done


class _Output:
    """The writing thread: one writer per flow, a bounded queue in front, the first error kept for the caller."""

    def __init__(self, open_writer: Callable[[str], Writer], names: Sequence[str]) -> None:
        self._queue: queue.Queue[tuple[str, str, Outputs, int] | None] = queue.Queue(_AHEAD)
        self._error: BaseException | None = None
        self._writers = {name: open_writer(FLOW + name) for name in names}
        self._thread = threading.Thread(target=self._run, name="backfill writer", daemon=True)
        self._thread.start()

    def put(self, name: str, shard: str, outputs: Outputs, origin: int) -> None:
        self.check()
        if outputs.writes:
            self._queue.put((name, shard, outputs, origin))

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            name, shard, outputs, origin = item
            if self._error is None:
                try:
                    self._writers[name].write(shard, outputs, origin)
                except Exception as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
                    self._error = error
        for writer in self._writers.values():
            writer.close()
