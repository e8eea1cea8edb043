"""A poll of `ev.raw` by column: what the normaliser reads, made of raw records or straight of Kafka's messages."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

from schemas.telemetry import RawRecord


class RawPoll(NamedTuple):
    """Records of one partition in order of offset, at least one; the fields of `RawRecord` by column.

    `withheld` holds only the records whose payload was withheld: place in the poll -> size.
    """

    partition: int
    offsets: Sequence[int]
    topics: Sequence[bytes]
    values: Sequence[bytes]
    cws: Sequence[bytes]
    withheld: Mapping[int, int]

    @classmethod
    def of(cls, partition: int, records: Sequence[RawRecord]) -> Self:
        """The poll that `records` are."""
        offsets, topics, values, cws, withheld = zip(*records, strict=True)
        return cls(partition, offsets, topics, values, cws, {i: size for i, size in enumerate(withheld) if size})

    def after(self, offset: int) -> Self | None:
        """The records behind `offset`; None where there are none."""
        if self.offsets[0] > offset:
            return self
        start = bisect_right(self.offsets, offset)
        if start == len(self.offsets):
            return None
        withheld = {i - start: size for i, size in self.withheld.items() if i >= start}
        behind = slice(start, None)
        return self._replace(
            offsets=self.offsets[behind],
            topics=self.topics[behind],
            values=self.values[behind],
            cws=self.cws[behind],
            withheld=withheld,
        )
