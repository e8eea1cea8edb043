"""A simulated history as the batches that a detector is given, with readings that come late or twice."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from models.columns import Batch, Others, Readings
from simulator.chunk import Chunk
from simulator.ports import US

REPEATED, LATE = 0.004, 0.004
_LATE_S: Final = (30.0, 1_800.0)


def batches(chunks: Iterable[Chunk], seed: int) -> Iterator[Batch]:
    """One batch a chunk; a share of the readings arrives again, and another one only minutes later."""
    rng = np.random.default_rng([seed, 0x3E55])
    for c in chunks:
        o = c.other
        yield Batch(
            partition=c.partition, first=c.first, last=c.last, now=c.now, ports=c.ports, readings=_messy(c, rng),
            other=Others(o.port, o.at, o.received_at, o.origin, o.seq, o.channel, o.value),
            events=c.events, beats=c.beats, served=c.served,
        )  # fmt: skip


def _messy(chunk: Chunk, rng: np.random.Generator) -> Readings:
    r = chunk.readings
    n = len(r)
    clean = Readings(r.port, r.at, r.received_at, r.origin, r.seq, r.flags, r.channels)
    delay = np.where(rng.random(n) < LATE, rng.uniform(*_LATE_S, n) * US, 0).astype(np.int64)
    again = np.flatnonzero(rng.random(n) < REPEATED)
    rows = np.concatenate((np.arange(n), again))
    received = r.received_at[rows] + np.concatenate((delay, (rng.uniform(*_LATE_S, len(again)) * US).astype(np.int64)))
    order = np.argsort(received, kind="stable")
    out = clean.take(rows[order])
    out.received_at = received[order]
    return out
