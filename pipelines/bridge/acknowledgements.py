"""Which MQTT messages may be acknowledged: those that Kafka confirmed, in the order in which they came."""

from collections import deque
from collections.abc import Callable
from typing import Any


class Ticket:
    """One message on its way through Kafka. `delivered` is Kafka's delivery callback."""

    __slots__ = ("_settled", "confirmed", "error", "mid", "orphaned", "size")

    def __init__(self, mid: int, size: int, settled: Callable[["Ticket"], None]) -> None:
        self.mid = mid
        self.size = size
        self.confirmed = False
        self.orphaned = False
        self.error: Any = None
        self._settled = settled

    def delivered(self, error: Any, _message: Any) -> None:
        """Kafka confirmed the record, or gave it up with `error`."""
        self.error = error
        self._settled(self)


class Acknowledgements:
    """Messages in order of receipt, each with Kafka's answer.

    MQTT wants acknowledgements in order of receipt [MQTT-4.6.0-2]; Kafka's partitions confirm in any order among each other.
    So a message waits for all before it. The message ids of a connection mean nothing after it: `forget` drops them, but
    what is still on its way to Kafka goes on counting, so that memory stays bounded. `failed` is why Kafka gave a
    message up, the first; the message stays in the queue, unconfirmed.
    """

    def __init__(self) -> None:
        self._queue: deque[Ticket] = deque()
        self._orphans = 0
        self._bytes = 0
        self.received = 0
        self.confirmed = 0
        self.most = 0
        self.failed: object = None

    def __len__(self) -> int:
        """Messages that were taken and are not acknowledged."""
        return len(self._queue) + self._orphans

    @property
    def size(self) -> int:
        """Bytes of payload that Kafka has not confirmed."""
        return self._bytes

    @property
    def unconfirmed(self) -> int:
        """Messages that Kafka has not confirmed."""
        return self.received - self.confirmed

    def take(self, mid: int, size: int) -> Ticket:
        """A message came; `mid` 0: it wants no acknowledgement (QoS 0)."""
        ticket = Ticket(mid, size, self._settle)
        self._queue.append(ticket)
        self.received += 1
        self._bytes += size
        if len(self) > self.most:
            self.most = len(self)
        return ticket

    def ready(self) -> list[int]:
        """The message ids to acknowledge now, in order; they are taken off the queue."""
        queue, ready = self._queue, []
        while queue and queue[0].confirmed:
            mid = queue.popleft().mid
            if mid:
                ready.append(mid)
        return ready

    def forget(self) -> None:
        """The connection is gone; the broker will send again what was not acknowledged."""
        for ticket in self._queue:
            if not ticket.confirmed:
                ticket.orphaned = True
                self._orphans += 1
        self._queue.clear()

    def _settle(self, ticket: Ticket) -> None:
        if ticket.error is not None:
            self.failed = self.failed or ticket.error
            return
        ticket.confirmed = True
        self.confirmed += 1
        self._bytes -= ticket.size
        if ticket.orphaned:
            self._orphans -= 1
