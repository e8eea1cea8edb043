"""Cutting batches between raw records, so that each part is a batch of its own."""

import numpy as np

from models.columns import Batch


def cut(batch: Batch, origin: int) -> tuple[Batch, Batch]:
    """`batch` up to and including the raw offset `origin`, and the rest; each keeps only the ports it needs."""
    head = Batch(
        partition=batch.partition,
        first=batch.first,
        last=origin,
        now=0,
        ports=batch.ports,
        readings=batch.readings.take(batch.readings.origin <= origin),
        other=batch.other.take(batch.other.origin <= origin),
        events=[e for e in batch.events if e.origin <= origin],
        rejects=[r for r in batch.rejects if r.origin <= origin],
        beats=[b for b in batch.beats if b.origin <= origin],
        served=batch.served,
    )
    tail = batch.after(origin)
    head.now = min(batch.now, newest(head))
    return _lean(head), _lean(tail)


def newest(batch: Batch) -> int:
    """The newest receive time or heartbeat among the lines of `batch`, in microseconds; 0 where it has none."""
    times = [int(t.max()) for t in (batch.readings.received_at, batch.other.received_at) if len(t)]
    times += [row.received_at for rows in (batch.events, batch.rejects) for row in rows]
    return max([*times, *(b.at for b in batch.beats)], default=0)


def middle_of(batch: Batch) -> int | None:
    """A raw offset at which about half of the lines lie on either side; None where all lines are of one raw record."""
    objects = [row.origin for rows in (batch.events, batch.rejects, batch.beats) for row in rows]
    origins = np.sort(np.concatenate([batch.readings.origin, batch.other.origin, np.array(objects, np.int64)]))
    if len(origins) == 0 or origins[0] == origins[-1]:
        return None
    middle = int(origins[(len(origins) - 1) // 2])
    return middle if middle < origins[-1] else int(origins[np.searchsorted(origins, middle) - 1])


def _lean(batch: Batch) -> Batch:
    """`batch` without the ports and stations that none of its lines name."""
    used = np.unique(np.concatenate([batch.readings.port, batch.other.port]))
    place = np.zeros(len(batch.ports), np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    batch.readings.port, batch.other.port = place[batch.readings.port], place[batch.other.port]
    batch.ports = [batch.ports[i] for i in used]
    channels = batch.readings.channels
    batch.readings.channels = {name: column for name, column in channels.items() if not np.isnan(column).all()}
    return batch
