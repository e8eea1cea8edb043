"""Values outside the canonical channels: isolation, pilot voltage, lock retries and their like, each judged by its own past.

They come on their own, often once a charge, so they are no part of ticks: each value is judged as it is. Their alerts are
decided apart from those of the readings, since the order between the two is not told.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from models.anomaly.arrays import NEVER, Int64, PortArrays, Slots, ends, newer, spells, starts
from models.anomaly.decide import Decider, Evidence
from models.anomaly.feature import Feature, Sample
from models.anomaly.judge import Judge
from models.columns import Others, in_order
from schemas.alerts import Alert

SPELL_US: Final = 4 * 3_600_000_000
"""Learning happens at the end of each spell of a port's own time; nothing is judged by what it taught itself."""
_TOGETHER_US: Final = 10 * 86_400_000_000
_GATE: Final = 0.7
_LEARN_US: Final = 60_000_000
_LINEAR: Final = 1e6
_LOGARITHMIC: Final = 1e12


class Scale(NamedTuple):
    """How a value is judged, how exactly that is known, what matters, and from where on it is no value at all."""

    change: Callable[[np.ndarray], np.ndarray]
    accuracy: float
    matters: float
    beyond: float = _LINEAR


_SCALES: Final[Mapping[str, Scale]] = {
    "isolation": Scale(lambda v: np.log10(np.maximum(v, 0.1)), 0.05, 0.3, _LOGARITHMIC),
    "pilot": Scale(lambda v: v, 0.05, 0.6),
    "lock": Scale(lambda v: v, 0.25, 2.0),
    "closing": Scale(lambda v: v, 3.0, 25.0),
    "leakage": Scale(lambda v: v, 0.4, 4.0),
    "idle_output": Scale(np.abs, 3.0, 60.0),
    "signal": Scale(lambda v: v, 3.0, 12.0),
    "memory": Scale(lambda v: np.log10(np.maximum(v, 1.0)), 0.05, 0.4, _LOGARITHMIC),
}


class Values:
    """Judges the values of `features` for all ports of a shard."""

    def __init__(self, arrays: PortArrays, features: Sequence[Feature], version: str) -> None:
        self._a = arrays
        self.judges = [Judge(arrays, f, _TOGETHER_US, least=1, strange=1.0, gate=_GATE) for f in features]
        self.decider = Decider(version, salt=".values")
        self._by_channel = {j.feature.channel: j for j in self.judges}
        for f in features:
            arrays.add(f"{f.name}.taken_at", np.int64, fill=NEVER)
            arrays.add(f"{f.name}.spell", np.int64, fill=-1)
            arrays.add(f"{f.name}.learned", np.int64, fill=-1)

    def take(self, slot: Slots, other: Others, kind: np.ndarray, ports: Sequence[str], level: float) -> list[Alert]:
        """Take the values of a batch (`slot` per row, `kind` per slot); what there is to tell, by port."""
        alerts: list[Alert] = []
        channels = np.array(other.channel)
        for channel, judge in self._by_channel.items():
            beyond = _SCALES[judge.feature.name].beyond
            rows = np.flatnonzero((channels == channel) & (np.abs(other.value) < beyond))
            if len(rows):
                rows = rows[in_order(slot[rows])]
                taken = self._a[f"{judge.feature.name}.taken_at"]
                rows = rows[newer(slot[rows], other.at[rows], np.ones(len(rows), np.bool_), taken[slot[rows]])]
                alerts += self._channel(judge, slot[rows], other.at[rows], other, rows, kind, ports, level)
        return alerts

    def _channel(
        self, judge: Judge, slot: Slots, at: Int64, other: Others, rows: np.ndarray, kind: np.ndarray, ports: Sequence[str],
        level: float,
    ) -> list[Alert]:  # fmt: skip
        if not len(rows):
            return []
        name = judge.feature.name
        first = starts(slot)
        self._a[f"{name}.taken_at"][slot[ends(first)]] = at[ends(first)]
        scale = _SCALES[name]
        n, ones = len(rows), np.ones(len(rows), np.float32)
        idle, every = np.zeros(n, np.bool_), np.ones(n, np.bool_)
        y = scale.change(other.value[rows]).astype(np.float32)
        sample = Sample(
            np.arange(n),
            y,
            ones[None],
            ones * np.float32(scale.accuracy),
            idle,
            every,
            ones * np.float32(scale.matters),
        )
        rank = spells(slot, at, first, self._a[f"{name}.spell"], SPELL_US)
        minute = at // _LEARN_US
        earlier = np.where(first, self._a[f"{name}.learned"][slot], np.concatenate((minute[:1], minute[:-1])))
        self._a[f"{name}.learned"][slot[ends(first)]] = minute[ends(first)]
        alerts: list[Alert] = []
        for k in range(int(rank.max()) + 1):
            here = np.flatnonzero(rank == k)
            if not len(here):
                continue
            if k:
                ports_here = slot[here][starts(slot[here])]
                judge.close(ports_here, kind[ports_here])
            part = sample.take(here)
            alerts += self._judge(judge, part, slot, at, other, rows, kind, ports, level)
            judge.collect(part, slot[here], minute[here] > earlier[here])
        return alerts

    def _judge(
        self, judge: Judge, part: Sample, slot: Slots, at: Int64, other: Others, rows: np.ndarray, kind: np.ndarray,
        ports: Sequence[str], level: float,
    ) -> list[Alert]:  # fmt: skip
        s = slot[part.rows]
        v = judge.judge(part, s, at[part.rows], kind[s])
        if v is None:
            return []
        told: list[Alert] = []
        hot = (v.surprise >= level) & (v.residual >= v.matters)
        open_ports = set(self.decider.watched()) | {ports[i] for i in slot[v.rows[hot]]}
        if not open_ports:
            return []
        for i, row in enumerate(v.rows.tolist()):
            port = ports[slot[row]]
            if port in open_ports:
                evidence = Evidence(
                    judge.feature.name, float(v.surprise[i]), float(v.residual[i]), float(v.matters[i]), float(v.observed[i]),
                    float(v.expected[i]), bool(hot[i]), int(v.normal_at[i]), "value",
                )  # fmt: skip
                told += self.decider.tick(port, int(at[row]), int(other.received_at[rows[row]]), [evidence])
        return told
