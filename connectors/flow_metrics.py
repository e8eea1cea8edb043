"""What flows count: how fast they read, how far behind they are, what operators cost and hold, what the database took.

Called once a poll, an awakening, a write or a snapshot, never per message. Several workers of a process count into the
same figures.
"""

import time
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from typing import Any, Final

from prometheus_client import Counter, Gauge, Histogram

from connectors.metrics import AGES, REGISTRY, SECONDS

_NAMES: Final = ("topic", "shard")
MESSAGES: Final = Counter(
    "chargewell_source_messages", "Records read from a partition", _NAMES, registry=REGISTRY
)  # fmt: skip
LAG: Final = Gauge(
    "chargewell_source_lag_messages", "Records of the partition that are not read yet, when it was last polled", _NAMES,
    registry=REGISTRY,
)  # fmt: skip
NEWEST: Final = Gauge(
    "chargewell_source_newest_timestamp_seconds",
    "Kafka's time of the newest record read (Unix time)",
    _NAMES,
    registry=REGISTRY,
)
STEP: Final = Histogram(
    "chargewell_operator_step_seconds",
    "Time of one awakening of an operator",
    ["operator"],
    buckets=SECONDS,
    registry=REGISTRY,
)
AGE: Final = Histogram(
    "chargewell_operator_age_seconds", "Age of the newest line of a batch (receive time) when its operator was done with it",
    ["operator"], buckets=AGES, registry=REGISTRY,
)  # fmt: skip
LINES: Final = Counter(
    "chargewell_operator_lines", "Readings, values and events given to an operator", ["operator"], registry=REGISTRY
)
ALERTS: Final = Counter(
    "chargewell_flow_alerts", "Alert revisions that a flow put out", ["flow", "family", "state"], registry=REGISTRY
)
STATE: Final = Gauge(
    "chargewell_operator_state_bytes", "Bytes of arrays and texts in an operator's last snapshot", ["operator", "shard"],
    registry=REGISTRY,
)  # fmt: skip
REJECTS: Final = Counter("chargewell_normalise_rejects", "What normalise refused", ["reason"], registry=REGISTRY)
WRITE: Final = Histogram(
    "chargewell_sink_write_seconds", "Time of one write into the database, retries included", ["flow"], buckets=SECONDS,
    registry=REGISTRY,
)  # fmt: skip
STORED: Final = Counter(
    "chargewell_sink_lines",
    "Lines by what became of them, as the audit adds them up",
    ["flow", "outcome"],
    registry=REGISTRY,
)
RETRIES: Final = Counter(
    "chargewell_sink_retries",
    "Writes that were tried again because the database did not take them",
    ["flow"],
    registry=REGISTRY,
)
_OUTCOMES: Final = ("stored", "repeated", "superseded", "rejected")


class SourceMetrics:
    """The figures of one partition; `polled` costs about three microseconds."""

    def __init__(self, topic: str, shard: str) -> None:
        self._messages = MESSAGES.labels(topic, shard)
        self._lag = LAG.labels(topic, shard)
        self._newest = NEWEST.labels(topic, shard)

    def polled(self, count: int, timestamp_ms: int, behind: int | None) -> None:
        """`count` records were read, the newest of `timestamp_ms`; `behind` are left (None: not known)."""
        self._messages.inc(count)
        self._newest.set(timestamp_ms / 1_000)
        if behind is not None:
            self._lag.set(max(0, behind))


class OperatorMetrics:
    """The figures of one operator on one shard."""

    def __init__(self, operator: str, shard: str) -> None:
        self._step, self._age, self._lines = STEP.labels(operator), AGE.labels(operator), LINES.labels(operator)
        self._state = STATE.labels(operator, shard)

    def stepped(self, began: float, newest_us: int, lines: int) -> None:
        """An awakening that began at `began` (`time.perf_counter`) took `lines` up to log time `newest_us`."""
        self._step.observe(time.perf_counter() - began)
        if lines:
            self._age.observe(max(0.0, time.time() - newest_us / 1e6))
            self._lines.inc(lines)

    def holds(self, snapshot: object) -> None:
        """The state that a snapshot put down."""
        self._state.set(state_bytes(snapshot))


def state_bytes(state: object) -> int:
    """Bytes of what plain data holds: arrays, bytes and texts as long as they are, other values 8 each; a list of numbers
    counts by its length alone."""
    total, waiting = 0, [state]
    while waiting:
        one = waiting.pop()
        size = getattr(one, "nbytes", None)
        if size is not None:
            total += int(size)
        elif isinstance(one, bytes | str):
            total += len(one)
        elif isinstance(one, Mapping):
            total += 8 * len(one)
            waiting.extend(one.values())
        elif isinstance(one, list | tuple | set) and one and not isinstance(next(iter(one)), int | float):
            waiting.extend(one)
        else:
            total += 8 * (len(one) if isinstance(one, list | tuple | set) else 1)
    return total


def rejected(reasons: Iterable[str]) -> None:
    """Count what normalise refused, by reason."""
    for reason, count in Tally(reasons).items():
        REJECTS.labels(reason).inc(count)


class SinkMetrics:
    """The figures of one flow's writer."""

    def __init__(self, flow: str) -> None:
        self._write = WRITE.labels(flow)
        self._retries = RETRIES.labels(flow)
        self._lines = [(name, STORED.labels(flow, name)) for name in _OUTCOMES]

    def wrote(self, began: float, counts: Any) -> None:
        """A write that began at `began` (`time.perf_counter`) came to `counts` (`connectors.timescale.tally.Counts`)."""
        self._write.observe(time.perf_counter() - began)
        for name, counter in self._lines:
            count = getattr(counts, name)
            if count:
                counter.inc(count)

    def retried(self) -> None:
        """A write is tried again."""
        self._retries.inc()
