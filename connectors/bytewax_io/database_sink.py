"""The database sink of the flows: outputs of a shard, gathered for a moment, written with their origin in one transaction.

The database is waited for in a thread, one write of a shard behind the flow at most, and none behind a snapshot.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Protocol

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from schemas.topics import shard_name, shard_partition

FLUSH_S: Final = 0.5
FLUSH_ITEMS: Final = 32


class Gathered(Protocol):
    """What an operator puts out (`models.operator.Outputs`); an empty one can be made and others added to it in order."""

    def __init__(self) -> None: ...

    def extend(self, more: Any) -> None:
        """Add `more` behind what stands here."""


class Writer(Protocol):
    """Writes outputs of one shard and the mark of their origin in one transaction; safe to be given the same twice."""

    def claim(self, shard: str) -> None:
        """Take the shard for this process; raises where another process has it."""

    def write(self, shard: str, outputs: Any, origin: int) -> Any:
        """Store `outputs`, made of raw offsets up to `origin`; raises if they are not stored."""

    def close(self) -> None:
        """Give the connection back."""


Item = tuple[Gathered, int]
"""(outputs, the last raw offset they were made of)."""


class Behind:
    """A writer in a thread of its own: writes happen in order, and none after one that failed.

    A later write would move the mark of what is stored past the rows of the failed one, and they would be lost.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database sink")
        self._failed: BaseException | None = None

    def claim(self, shard: str) -> None:
        """As the writer's; returns when it is done."""
        self._thread.submit(self._writer.claim, shard).result()

    def write(self, shard: str, outputs: Gathered, origin: int) -> "Future[None]":
        """Begin to write; the future holds the error if it fails."""
        return self._thread.submit(self._write, shard, outputs, origin)

    def close(self) -> None:
        """End once what was begun is done."""
        self._thread.shutdown(wait=True)
        self._writer.close()

    def _write(self, shard: str, outputs: Gathered, origin: int) -> None:
        if self._failed is not None:
            raise self._failed
        try:
            self._writer.write(shard, outputs, origin)
        except BaseException as error:
            self._failed = error
            raise


class DatabaseSinkPartition(StatefulSinkPartition[Item, None]):
    """The part of one shard: gathers for `flush_s` or `flush_items`, whatever comes first, and has written at a snapshot.

    While a write is under way it gathers on, so that writes grow as the database falls behind; at `flush_items` it waits.
    Time is only looked at when something arrives; heartbeats arrive every second. An error of a write is raised by the
    next call. After it nothing is kept: the flow stops and goes on from its last snapshot, and the writer drops what it
    stored before.
    """

    def __init__(
        self, writer: Behind, shard: str, flush_s: float, flush_items: int, closed: Callable[[Behind], None]
    ) -> None:
        self._writer = writer
        self._closed = closed
        self._shard = shard
        self._flush_s = flush_s
        self._flush_items = flush_items
        self._held: list[Gathered] = []
        self._begun: Future[None] | None = None
        self._origin = -1
        self._since = 0.0

    def write_batch(self, values: list[Item]) -> None:
        """Gather, and write when it is time."""
        for outputs, origin in values:
            if not self._held:
                self._since = time.monotonic()
            self._held.append(outputs)
            self._origin = max(self._origin, origin)
            if len(self._held) >= self._flush_items:
                self._flush()
        if self._begun is not None and self._begun.done():
            self._wait()
        if self._held and self._begun is None and time.monotonic() - self._since >= self._flush_s:
            self._flush()

    def snapshot(self) -> None:
        """Returns once all that was gathered is committed."""
        self._flush()
        self._wait()

    def close(self) -> None:
        """Give the writer back; the last part of a worker closes it."""
        self._closed(self._writer)

    def _flush(self) -> None:
        if not self._held:
            return
        # Joined in a new object: other branches of the flow may still be reading the old ones.
        together = type(self._held[0])()
        for outputs in self._held:
            together.extend(outputs)
        self._held = []
        self._wait()
        self._begun = self._writer.write(self._shard, together, self._origin)

    def _wait(self) -> None:
        """Until the write that is under way is done; raises what went wrong."""
        if self._begun is not None:
            begun, self._begun = self._begun, None
            begun.result()


class DatabaseSink(FixedPartitionedSink[Item, None]):
    """Items `(shard, (Outputs, origin))` into the database, one writer (one connection) a worker.

    `make_writer` opens it, e.g. ``lambda: connectors.timescale.sink.Writer(settings, "store")``. Shards are claimed as the
    flow starts, so a second copy of it ends before it has read anything.
    """

    def __init__(
        self,
        make_writer: Callable[[], Writer],
        partitions: int,
        *,
        flush_s: float = FLUSH_S,
        flush_items: int = FLUSH_ITEMS,
    ) -> None:
        self._make_writer = make_writer
        self._partitions = partitions
        self._flush_s = flush_s
        self._flush_items = flush_items
        self._writers: dict[int, Behind] = {}
        self._parts: dict[int, int] = {}
        self._lock = threading.Lock()

    def list_parts(self) -> list[str]:
        """One part a shard."""
        return [shard_name(p) for p in range(self._partitions)]

    def part_fn(self, item_key: str) -> int:
        """Parts are ordered as the shards are, so a shard's items go to its own part."""
        return shard_partition(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> DatabaseSinkPartition:
        """The part of a shard, on this worker's writer."""
        worker = threading.get_ident()
        with self._lock:
            if worker not in self._writers:
                self._writers[worker] = Behind(self._make_writer())
            self._writers[worker].claim(for_part)
            writer = self._writers[worker]
            self._parts[id(writer)] = self._parts.get(id(writer), 0) + 1
            return DatabaseSinkPartition(writer, for_part, self._flush_s, self._flush_items, self._given_back)

    def _given_back(self, writer: Behind) -> None:
        """A part of `writer` ended."""
        with self._lock:
            self._parts[id(writer)] -= 1
            if self._parts[id(writer)] == 0:
                writer.close()
                self._writers = {worker: other for worker, other in self._writers.items() if other is not writer}
