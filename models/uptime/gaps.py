"""Spans of time without a sign: what is left between signs of life, and the arithmetic of spans."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

FOREVER: Final = 2**62
"""End of a span that is not over."""

MOST: Final = 64
"""Gaps kept of one station or bridge; the oldest are let go."""

Span = tuple[int, int]


@dataclass(slots=True)
class Gaps:
    """Signs seen from `first` to `last`, but for `gaps`, each at least `least` long. Times in microseconds.

    Gaps that began before `floor` may be gone.

    What is kept depends on the signs, not on the order in which they were added. A gap that holds one of `wills` (times at
    which the broker said that the link was lost) is kept from `least_after_will` on.
    """

    least: int
    least_after_will: int = FOREVER
    first: int | None = None
    last: int = 0
    gaps: list[Span] = field(default_factory=list)
    wills: list[int] = field(default_factory=list)
    floor: int = 0

    def keeps(self, start: int, end: int) -> bool:
        """Whether the time between two signs is a gap."""
        if end - start >= self.least:
            return True
        return end - start >= self.least_after_will and any(start <= will <= end for will in self.wills)

    def add(self, start: int, end: int) -> int | None:
        """There were signs from `start` to `end`; the earliest time at which the gaps changed by that, None if they did not."""
        if self.first is None:
            self.first, self.last = start, end
            return None
        if start > self.last:
            changed = self.last if self.keeps(self.last, start) else None
            if changed is not None:
                self._insert((self.last, start))
            self.last = end
            return changed
        changed = self._fill(start, end)
        if start < self.first:
            if end < self.first and self.keeps(end, self.first):
                self._insert((end, self.first))
            changed = min(start, changed if changed is not None else start)
            self.first = start
        self.last = max(self.last, end)
        return changed

    def will(self, at: int) -> None:
        """The link was lost at `at`; ignored where signs after it are known."""
        if (self.first is None or at >= self.last) and at not in self.wills:
            self.wills = [*self.wills, at][-MOST:]

    def _fill(self, start: int, end: int) -> int | None:
        hit = [gap for gap in self.gaps if gap[0] < end and start < gap[1]]
        for gap in hit:
            self.gaps.remove(gap)
            for left in ((gap[0], start), (end, gap[1])):
                if left[0] < left[1] and self.keeps(*left):
                    self._insert(left)
        return min((gap[0] for gap in hit), default=None)

    def _insert(self, gap: Span) -> None:
        insort(self.gaps, gap)
        if len(self.gaps) > MOST:
            self.floor = self.gaps.pop(0)[1]


def within(spans: Sequence[Span], at: int) -> Span | None:
    """The span of sorted, disjoint `spans` that holds `at` (start included, end not)."""
    place = bisect_left(spans, (at + 1,)) - 1
    return spans[place] if place >= 0 and spans[place][0] <= at < spans[place][1] else None


def common(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """Where both have a span; all sorted and disjoint."""
    found = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            found.append((start, end))
        if one[i][1] <= other[j][1]:
            i += 1
        else:
            j += 1
    return found


def without(spans: Iterable[Span], taken: Sequence[Span]) -> list[Span]:
    """What is left of `spans` where `taken` has none; all sorted and disjoint."""
    found = []
    for span_start, span_end in spans:
        start = span_start
        for a, b in taken:
            if b <= start or a >= span_end:
                continue
            if a > start:
                found.append((start, a))
            start = b
        if start < span_end:
            found.append((start, span_end))
    return found
