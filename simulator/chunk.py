"""What a history is made of: columns of readings, values and events of one shard and one span of time.

Fields and dtypes are those of the pipelines' own batch, so that handing one over copies nothing; the simulator does not
import it, since it knows no models.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.telemetry import BridgeBeat, Event

Ints = NDArray[np.int64]


@dataclass(slots=True)
class ReadingColumns:
    """n readings in order of time: `port` indexes `Chunk.ports`, times in us, `channels` by canonical name, NaN = missing."""

    port: NDArray[np.int32]
    at: Ints
    received_at: Ints
    origin: Ints
    seq: Ints
    flags: NDArray[np.uint8]
    channels: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.at)


@dataclass(slots=True)
class OtherColumns:
    """n values outside the canonical channels, one row a value; as in `ReadingColumns`."""

    port: NDArray[np.int32]
    at: Ints
    received_at: Ints
    origin: Ints
    seq: Ints
    channel: list[str]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.at)


@dataclass(slots=True)
class Chunk:
    """One shard over one span. `first` = `last` = the number of the span counts as the origin of all its lines;
    `now` is log time at its end; one heartbeat of a bridge that never lost its connection comes with it."""

    partition: int
    first: int
    last: int
    now: int
    ports: list[str]
    readings: ReadingColumns
    other: OtherColumns
    events: list[Event]
    beats: list[BridgeBeat]
    served: dict[str, str] = field(default_factory=dict)
