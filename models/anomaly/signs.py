"""Signs that lie in how a port speaks and not in what it measures: channels that are no longer told, values that stand
still, readings that come slower.

Each sign is yes or no, looked at once in ten minutes of a port's own time. A run of yes is held against how often the port
shows the sign in that context (idle, charging) and against its longest run so far, so a coarse sensor or a channel that
comes and goes raises nothing.
"""

from itertools import pairwise
from typing import Final

import numpy as np

from models.anomaly.arrays import Bools, Lanes, PortArrays, Slots, before, ends, last_true, starts
from models.anomaly.decide import Decider, Evidence
from models.anomaly.features import SIGNS
from models.anomaly.ticks import Ticks
from schemas.alerts import Alert

EVERY_US: Final = 600_000_000
_MISSING: Final = tuple(f.channel for f in SIGNS if f.name.endswith("_missing"))
_STUCK: Final = tuple(f.channel for f in SIGNS if f.name.endswith("_stuck"))
_COUNT: Final = len(SIGNS)
_SLOW: Final = float(np.log(2.2))
_LEAST: Final = np.array([18 if f.name.endswith("_stuck") else 8 for f in SIGNS], np.int16)
"""Looks in a row from which a sign matters: an hour and a half; three hours where steps of a sensor may be equal by chance."""
_RAREST: Final = np.array([0.3 if f.name.endswith("_stuck") else 0.05 for f in SIGNS], np.float32)
"""No sign is taken for rarer than this: equal values come in rows at still hours."""
_YOUNG: Final = 60
"""Looks in a context before its habits count."""
_HABIT: Final = np.float32(1 / 1_000)


class Signs:
    """Watches the signs of all ports of a shard and tells of them."""

    def __init__(self, arrays: PortArrays, version: str) -> None:
        self._a, self.decider = arrays, Decider(version, salt=".signs")
        arrays.add("sign.taken", np.int64, fill=-1)
        arrays.add("sign.looks", np.int16, (2,))
        arrays.add("sign.share", np.float32, (2, _COUNT))
        arrays.add("sign.run", np.int16, (_COUNT,))
        arrays.add("sign.longest", np.int16, (_COUNT,))
        arrays.add("sign.last", np.float32, (len(_STUCK),), fill=np.nan)
        arrays.add("sign.pace", np.float32, (2,), fill=np.nan)

    def take(
        self, t: Ticks, chosen: Bools, charging: Bools, ports: list[str], level: float
    ) -> list[tuple[int, int, Alert]]:
        """Look at the chosen ticks that begin a new ten minutes of their port; (origin, tick, alert) of what there is to tell."""
        rows = np.flatnonzero(chosen)
        number = t.at[rows] // EVERY_US
        first = starts(t.slot[rows])
        taken = self._a["sign.taken"]
        slot = t.slot[rows]
        fresh = number > before(number, first, taken[slot])
        tail = ends(first)
        taken[slot[tail]] = number[tail]
        rows = rows[fresh]
        if not len(rows):
            return []
        runs, nats = self._looked(t, rows, charging[rows].astype(np.intp))
        return self._tell(t, rows, runs, nats, ports, level)

    def _looked(self, t: Ticks, rows: Slots, context: Slots) -> tuple[np.ndarray, np.ndarray]:
        """Runs (how many looks in a row) and surprises (nats) of all signs at the looks `rows`, [n, signs]."""
        a, slot = self._a, t.slot[rows]
        yes, known = self._yes(t, rows)
        lanes = Lanes(slot)
        yes, known, context = lanes.spread(yes), lanes.spread(known), lanes.spread(context)
        pace = lanes.spread(np.log(np.maximum(t.dt[rows], np.float32(0.5))))
        names = ("looks", "share", "run", "longest", "pace")
        state = {name: a[f"sign.{name}"][lanes.slots] for name in names}
        runs, nats = np.zeros((len(rows), _COUNT), np.int16), np.zeros((len(rows), _COUNT), np.float32)
        for begin, end in pairwise(lanes.cuts.tolist()):
            here = slice(begin, end)
            part = {name: column[: end - begin] for name, column in state.items()}
            self._slower(part, pace[here], context[here], yes[here], known[here])
            runs[here], nats[here] = _step(part, yes[here], known[here], context[here])
        for name in names:
            a[f"sign.{name}"][lanes.slots] = state[name]
        return lanes.gather(runs), lanes.gather(nats)

    def _yes(self, t: Ticks, rows: Slots) -> tuple[Bools, Bools]:
        """Which signs are there at the looks, and which can be told; the last column (pace) is left to `_slower`."""
        yes, known = np.zeros((len(rows), _COUNT), np.bool_), np.ones((len(rows), _COUNT), np.bool_)
        for i, name in enumerate(_MISSING):
            values = t.energy if name == "energy" else t.mean.get(name)
            yes[:, i] = True if values is None else np.isnan(values[rows])
        slot, last = t.slot[rows], self._a["sign.last"]
        first = starts(slot)
        tail = ends(first)
        for i, name in enumerate(_STUCK):
            values = t.channel(name)[rows]
            told = last_true(np.isfinite(values), first)
            held = np.where(told >= 0, values[told], last[slot, i])
            yes[:, len(_MISSING) + i] = values == before(held, first, last[slot, i])
            known[:, len(_MISSING) + i] = np.isfinite(values)
            last[slot[tail], i] = held[tail]
        return yes, known

    def _slower(self, state: dict[str, np.ndarray], pace: np.ndarray, context: Slots, yes: Bools, known: Bools) -> None:
        """Fill in the sign of a slower pace and follow the usual one."""
        lane = np.arange(len(pace))
        usual = state["pace"][lane, context]
        known[:, -1] = np.isfinite(usual) & (pace < 6.4)  # longer than ten minutes is a gap, which `uptime` tells
        yes[:, -1] = pace > usual + _SLOW
        moved = usual + np.float32(0.02) * np.clip(np.minimum(pace, 20) - usual, -1, 1)
        begun = np.where(np.isfinite(pace), pace, usual)
        state["pace"][lane, context] = np.where(np.isnan(usual), begun, np.where(yes[:, -1], usual, moved))

    def _tell(
        self, t: Ticks, rows: Slots, runs: np.ndarray, nats: np.ndarray, ports: list[str], level: float
    ) -> list[tuple[int, int, Alert]]:
        hot = (nats >= level) & (runs >= _LEAST)
        watched = {*self.decider.watched(), *(ports[s] for s in t.slot[rows[hot.any(axis=1)]])}
        if not watched:
            return []
        told: list[tuple[int, int, Alert]] = []
        for i in np.flatnonzero(np.array([ports[s] in watched for s in t.slot[rows]], np.bool_)).tolist():
            row, port = int(rows[i]), ports[t.slot[rows[i]]]
            at = int(t.at[row])
            evidence = [
                Evidence(
                    f.name, float(nats[i, j]), float(runs[i, j]), float(_LEAST[j]), float(runs[i, j]), 0.0, bool(hot[i, j]),
                    at - int(runs[i, j]) * EVERY_US, "speech",
                )
                for j, f in enumerate(SIGNS)
            ]  # fmt: skip
            told += [(int(t.origin[row]), row, a) for a in self.decider.tick(port, at, int(t.received[row]), evidence)]
        return told


def _step(s: dict[str, np.ndarray], yes: Bools, known: Bools, context: Slots) -> tuple[np.ndarray, np.ndarray]:
    """One look of each lane: counts runs, judges them by what was learned before, learns. `s` is changed in place."""
    lane = np.arange(len(context))
    looks, share = s["looks"][lane, context], s["share"][lane, context]
    run, longest = s["run"], s["longest"]
    over = known & ~yes & (run > 0)
    np.maximum(longest, run, out=longest, where=over & (run < 3 * _LEAST))
    run[:] = np.where(known, np.where(yes, np.minimum(run + 1, 30_000), 0), run)
    judged = (looks[:, None] >= _YOUNG) & (share < 0.5) & (run > 2 * longest)
    nats = np.where(judged & yes, run * -np.log(np.maximum(share, _RAREST)), 0).astype(np.float32)
    gain = np.maximum(_HABIT, 1 / (looks[:, None] + np.float32(1)))
    usual = known & ((run < _LEAST) | (share >= 0.5) | (looks[:, None] < _YOUNG))
    s["share"][lane, context] = share + np.where(usual, gain * (yes - share), 0)
    s["looks"][lane, context] = np.minimum(looks + 1, 30_000)
    return run.copy(), nats
