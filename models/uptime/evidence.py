"""What late data prove of a time in which a station was not heard: that it was there, that energy flowed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from models.uptime.gaps import Span

CELL_US: Final = 300_000_000
"""Evidence is kept by spans of five minutes."""
MOST: Final = 80
"""Cells kept of a port or station; the oldest are let go."""
POWER_W: Final = 100.0
REACH: Final = 3
"""A register that rose proves the cells between its values, if those are at most this many cells apart."""

_RISE_WH: Final = 1.0


@dataclass(slots=True)
class Cell:
    """The late readings of one port within one cell: greatest power, least and greatest register."""

    power: float = float("-inf")
    least: float = float("inf")
    most: float = float("-inf")


@dataclass(slots=True)
class Evidence:
    """The cells of one port by their number; those before `floor` (microseconds) are gone.

    What they prove depends on the readings, not on their order.
    """

    cells: dict[int, Cell] = field(default_factory=dict)
    floor: int = 0

    def add(self, at: int, power: float | None, energy: float | None) -> int | None:
        """Take a late reading (W, Wh); the earliest time that it may prove something of, None if it is nothing new."""
        number = at // CELL_US
        cell = self.cells.get(number)
        if cell is None:
            if at < self.floor:
                return None
            cell = self.cells[number] = Cell()
            self.floor = max(self.floor, drop_oldest(self.cells))
        before = (cell.power, cell.least, cell.most)
        if power is not None:
            cell.power = max(cell.power, power)
        if energy is not None:
            cell.least, cell.most = min(cell.least, energy), max(cell.most, energy)
        return None if (cell.power, cell.least, cell.most) == before else (number - REACH) * CELL_US

    def flowed(self) -> list[Span]:
        """The spans in which energy flowed for certain, sorted and disjoint."""
        proven = set()
        for number, cell in self.cells.items():
            if cell.power >= POWER_W or cell.most - cell.least > _RISE_WH:
                proven.add(number)
            for back in range(1, REACH + 1):
                earlier = self.cells.get(number - back)
                if earlier is not None and cell.most - earlier.least > _RISE_WH:
                    proven.update(range(number - back, number + 1))
        return spans_of(proven)

    def snapshot(self) -> list[Any]:
        """Plain data."""
        return [self.floor, [[number, cell.power, cell.least, cell.most] for number, cell in self.cells.items()]]

    @classmethod
    def restored(cls, state: list[Any]) -> "Evidence":
        """The evidence of a snapshot."""
        return cls({int(number): Cell(*values) for number, *values in state[1]}, state[0])


@dataclass(slots=True)
class Presence:
    """The cells in which late messages tell that a station was there; those before `floor` (microseconds) are gone."""

    cells: dict[int, None] = field(default_factory=dict)
    floor: int = 0

    def add(self, at: int) -> bool:
        """The station was there at `at`; whether that is news."""
        number = at // CELL_US
        if number in self.cells or at < self.floor:
            return False
        self.cells[number] = None
        self.floor = max(self.floor, drop_oldest(self.cells))
        return True

    def snapshot(self) -> list[Any]:
        """Plain data."""
        return [self.floor, list(self.cells)]

    @classmethod
    def restored(cls, state: list[Any]) -> "Presence":
        """The presence of a snapshot."""
        return cls(dict.fromkeys(state[1]), state[0])


def drop_oldest(cells: dict[int, Any]) -> int:
    """Keep the newest `MOST` cells; the end of the last one that went, 0 if none did."""
    floor = 0
    while len(cells) > MOST:
        oldest = min(cells)
        del cells[oldest]
        floor = (oldest + 1) * CELL_US
    return floor


def spans_of(cells: Mapping[int, Any] | set[int]) -> list[Span]:
    """Cells as spans of time."""
    spans: list[Span] = []
    for number in sorted(cells):
        start = number * CELL_US
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], start + CELL_US)
        else:
            spans.append((start, start + CELL_US))
    return spans
