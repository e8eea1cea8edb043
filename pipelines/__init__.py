"""The bridge and the dataflows: composition only, one page each. Here what all flows share: running an operator in one."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

from connectors.flow_metrics import OperatorMetrics
from models.columns import Batch
from models.operator import Marked, Operator, Outputs
from schemas.alerts import Alert
from schemas.topics import shard_name

Said = tuple[Outputs, int]
"""What an operator put out for some batches, and the last raw offset they covered."""

Seed = Callable[[str], Mapping[str, Any] | None]
"""shard -> the snapshot (`Marked.snapshot`) to start from where the recovery store has none, or None."""


class SnapshotError(RuntimeError):
    """The recovery store holds a state that this version of the operator cannot take up."""


def operate(
    step_id: str, stream: KeyedStream[Batch], make_operator: Callable[[str], Operator], seed: Seed | None = None
) -> KeyedStream[Said]:
    """Run one operator per shard over `stream`, behind its origin mark; emits `(shard, (Outputs, last origin))` per awakening.

    `make_operator(shard)` gives a new operator. Its state is put into the recovery store as plain data once an epoch, whole:
    keep it small. Items are emitted also where nothing was put out, so that the sink's origin goes on. SnapshotError at
    start where a stored state does not fit.
    """

    def build(state: Mapping[str, Any] | None) -> _Logic:
        return _Logic(step_id, make_operator, seed, state)

    return op.stateful_batch(step_id, stream, build)


def alerts_of(step_id: str, stream: KeyedStream[Said]) -> KeyedStream[Alert]:
    """The alerts of what `operate` emits, keyed by shard, for `AlertSink`."""
    return op.flat_map_value(step_id, stream, lambda said: said[0].alerts)


class _Logic(StatefulBatchLogic[Batch, Said, Mapping[str, Any]]):
    """An operator of one shard inside the engine, which tells a new logic its state but not its key: the state holds the shard."""

    def __init__(
        self,
        step_id: str,
        make_operator: Callable[[str], Operator],
        seed: Seed | None,
        state: Mapping[str, Any] | None,
    ) -> None:
        self._step_id = step_id
        self._make_operator = make_operator
        self._seed = seed
        self._shard = ""
        self._marked: Marked | None = None
        if state is not None:
            self._start(str(state["shard"]), state["marked"])

    def on_batch(self, values: list[Batch]) -> tuple[list[Said], bool]:
        """Step through the batches; never discards the operator."""
        if self._marked is None:
            shard = shard_name(values[0].partition)
            self._start(shard, self._seed(shard) if self._seed is not None else None)
        assert self._marked is not None  # noqa: S101 - made two lines above
        out, began = Outputs(), time.perf_counter()
        for batch in values:
            out.extend(self._marked.step(batch))
        lines = sum(len(batch.readings) + len(batch.other) + len(batch.events) for batch in values)
        self._metrics.stepped(began, values[-1].now, lines)
        return [(out, self._marked.origin)], StatefulBatchLogic.RETAIN

    def snapshot(self) -> Mapping[str, Any]:
        """Plain data: the shard and the marked operator's snapshot."""
        state = {"shard": self._shard, "marked": None if self._marked is None else self._marked.snapshot()}
        if self._marked is not None:
            self._metrics.holds(state)
        return state

    def _start(self, shard: str, snapshot: Mapping[str, Any] | None) -> None:
        self._shard = shard
        self._marked = Marked(self._make_operator(shard))
        self._metrics = OperatorMetrics(self._step_id, shard)
        if snapshot is not None:
            try:
                self._marked.restore(snapshot)
            except (ValueError, KeyError, TypeError) as error:
                raise SnapshotError(
                    f"{self._step_id}, shard {shard}: the stored state cannot be taken up ({error}). The tables are the "
                    f"truth, the state is a cache: make it anew with chargewell flow NAME --rebuild"
                ) from error
