"""What the bridge counts, read off it when somebody scrapes; the time a message takes through Kafka is sampled."""

import time
from collections.abc import Iterator
from typing import Final, Protocol

from prometheus_client import Histogram
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.metrics import REGISTRY, SECONDS

CONFIRMATION: Final = Histogram(
    "chargewell_bridge_confirmation_seconds", "Time until Kafka confirmed a message, sampled: one message at a time",
    buckets=SECONDS, registry=REGISTRY,
)  # fmt: skip


class Counted(Protocol):
    """What is asked of a bridge."""

    too_large: int

    @property
    def received(self) -> int: ...  # noqa: D102
    @property
    def confirmed(self) -> int: ...  # noqa: D102
    @property
    def unacknowledged(self) -> int: ...  # noqa: D102
    @property
    def connected(self) -> bool: ...  # noqa: D102


class BridgeMetrics(Collector):
    """The figures of one bridge."""

    def __init__(self, bridge: Counted) -> None:
        self._bridge = bridge

    def collect(self) -> Iterator[Metric]:
        """The figures now; counters begin anew with the process."""
        bridge = self._bridge
        yield CounterMetricFamily(
            "chargewell_bridge_messages_received", "Messages taken from the broker", value=bridge.received
        )
        yield CounterMetricFamily(
            "chargewell_bridge_messages_confirmed", "Messages that Kafka confirmed", value=bridge.confirmed
        )
        yield CounterMetricFamily(
            "chargewell_bridge_messages_too_large", "Messages whose payload was withheld", value=bridge.too_large
        )
        yield GaugeMetricFamily(
            "chargewell_bridge_unacknowledged_messages",
            "Messages taken and not acknowledged yet",
            value=bridge.unacknowledged,
        )
        yield GaugeMetricFamily(
            "chargewell_bridge_connected", "1 while there is a connection to the broker", value=bridge.connected
        )


class Probe:
    """Follows one message at a time: the last one received when it looks, until as many are confirmed."""

    def __init__(self) -> None:
        self._number, self._since = 0, 0.0

    def look(self, received: int, confirmed: int) -> None:
        """Once a turn of the loop; a comparison, and seldom more."""
        if self._number:
            if confirmed >= self._number:
                CONFIRMATION.observe(time.perf_counter() - self._since)
                self._number = 0
        elif received > confirmed:
            self._number, self._since = received, time.perf_counter()
