"""What status messages tell of a port or station: facts at their event time, whatever the order in which they arrive."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

MOST: Final = 144
"""Facts kept of a port; when there are more, the oldest go and late facts from before are ignored."""
_AT_ONCE: Final = 24


class Status(NamedTuple):
    """A state of availability: `up`, `down` or `unobserved`, its reason and a detail for people (an error code)."""

    state: str
    reason: str
    detail: str | None = None


UP: Final = Status("up", "ok")
ENERGY: Final = Status("up", "energy")
SILENT: Final = Status("down", "silence")
UNOBSERVED: Final = Status("unobserved", "bridge")


def status_of(status: str, code: str | None) -> Status:
    """The availability that a canonical status means. An error with any other status than faulted is only a warning (OCPP)."""
    if status == "faulted":
        return Status("down", "faulted", code)
    if status == "unavailable":
        return Status("down", "unavailable")
    return UP


class Fact(NamedTuple):
    """From `at` (microseconds) on, the connector (0: the station) is in `status`."""

    at: int
    connector: int
    status: Status


class Facts:
    """The facts of one port (or station), by time; of one instant in order of arrival.

    A fact told again is none. Facts older than `horizon_us` before the newest one received go, but for the last of each
    connector; `floor` is where they end. State: some 16 bytes a fact.
    """

    def __init__(self, horizon_us: int) -> None:
        self.horizon_us = horizon_us
        self.facts: list[Fact] = []
        self.floor: int | None = None

    def add(self, fact: Fact, received_at: int) -> int | None:
        """Take a fact; from when on it may change something, None if it cannot.

        A fact from further back than the horizon holds from the horizon on: what is older stays as it is.
        """
        place = bisect_right(self.facts, fact.at, key=lambda other: other.at)
        if fact in self.facts[bisect_left(self.facts, fact.at, key=lambda other: other.at) : place]:
            return None
        if (
            self.floor is not None
            and fact.at < self.floor
            and any(f.connector == fact.connector for f in self.facts[:place])
        ):
            return None
        self.facts.insert(place, fact)
        self._trim(received_at - self.horizon_us)
        return max(fact.at, received_at - self.horizon_us, fact.at if self.floor is None else self.floor)

    def is_full(self) -> bool:
        """Whether the next fact may push out old ones."""
        return len(self.facts) >= MOST

    def _trim(self, oldest: int) -> None:
        floor = oldest
        if len(self.facts) > MOST:
            floor = max(floor, self.facts[_AT_ONCE].at)
        elif self.facts[0].at >= oldest:
            return
        last: dict[int, int] = {}
        for i, fact in enumerate(self.facts):
            if fact.at < floor:
                last[fact.connector] = i
        kept = set(last.values())
        gone = any(fact.at < floor and i not in kept for i, fact in enumerate(self.facts))
        if gone:
            self.facts = [fact for i, fact in enumerate(self.facts) if fact.at >= floor or i in kept]
            self.floor = floor if self.floor is None else max(floor, self.floor)

    def steps(self, start: int) -> list[tuple[int, Status | None]]:
        """The status from `start` on: at `start` and wherever it changes. None where nothing was ever told.

        A port with several connectors is down only while all of them are (of those that told anything).
        """
        place = bisect_right(self.facts, start, key=lambda fact: fact.at)
        now: dict[int, Status] = {fact.connector: fact.status for fact in self.facts[:place]}
        steps = [(start, combined(now.values()) if now else None)]
        for fact in self.facts[place:]:
            now[fact.connector] = fact.status
            status = combined(now.values()) if len(now) > 1 else fact.status
            if steps[-1][0] == fact.at:
                steps[-1] = (fact.at, status)
            elif status != steps[-1][1]:
                steps.append((fact.at, status))
        return steps

    def snapshot(self) -> list[Any]:
        """Plain data."""
        return [self.floor, [[fact.at, fact.connector, *fact.status] for fact in self.facts]]

    @classmethod
    def restored(cls, horizon_us: int, state: list[Any]) -> "Facts":
        """The facts of a snapshot."""
        facts = cls(horizon_us)
        facts.floor = state[0]
        facts.facts = [Fact(at, connector, Status(*status)) for at, connector, *status in state[1]]
        return facts


def combined(statuses: Iterable[Status]) -> Status:
    """The status of a port by those of its connectors: up if one is, else a fault before anything else."""
    found = sorted(statuses, key=lambda status: (status.state != "up", status.reason != "faulted", status.detail or ""))
    return found[0]
