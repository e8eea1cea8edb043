"""The anomaly operator: readings in; a score per port-minute and alerts out.

Readings become ticks of five seconds, ticks a situation and physical features, features surprises against what the port's own
past (or its kind's) makes likely, and surprises alerts. Everything is worked out as columns over ports and ticks;
Python per object runs only for ticks that are hot or belong to an open episode.

Results do not depend on where batches are cut: sums are exact, memories run tick by tick, learning happens at spells of
the port's own time, and what ports have in common is pooled at day marks of log time (the running maximum of the
receive times, row by row).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.anomaly.arrays import Bools, Int64, PortArrays, Slots, before, ends, spells, starts
from models.anomaly.decide import Decider
from models.anomaly.doings import Doings
from models.anomaly.doings import subset as doings_subset
from models.anomaly.evidence import gather
from models.anomaly.feature import Sample
from models.anomaly.features import FEATURES, VALUES
from models.anomaly.judge import Judge, Verdict
from models.anomaly.memory import leaders
from models.anomaly.minutes import MINUTE_US, Matrices, Minutes
from models.anomaly.signs import Signs
from models.anomaly.situation import Facts, Situation, Situations
from models.anomaly.ticks import TickBook, Ticks
from models.anomaly.values import SPELL_US, Values
from models.columns import Batch, PortIndex, Readings
from models.operator import Outputs
from schemas.alerts import Alert

POOL_US: Final = 24 * 3_600_000_000
_IDLE_EVERY: Final = 10
_SPELLS_A_MONTH: Final = 730.0 / 4


@dataclass(frozen=True, slots=True)
class AnomalySettings:
    """What an operator of the network may want to set.

    `alerts_per_port_month` is the budget of alerts that healthy ports may raise, shared evenly by features and
    values: their level follows it, and signs and events are held to the same level beyond it.
    `explain_from` is the score from which a port-minute carries contributions. `write_scores` off: alerts only.
    """

    alerts_per_port_month: float = 0.02
    explain_from: float = 3.0
    write_scores: bool = True


class AnomalyOperator:
    """Detects faults of chargers that show in what they measure. One instance serves one shard.

    Knows nothing of a port until it has seen four spells of four hours with the context in question; until then it is silent. State: `bytes_per_port()`.
    """

    name = "anomaly"
    version = 3
    memory_days = 30.0

    def __init__(self, facts: Mapping[str, Facts] | None = None, settings: AnomalySettings | None = None) -> None:
        self.facts: Mapping[str, Facts] = facts or {}
        self._settings = settings or AnomalySettings()
        self._index = PortIndex()
        self._arrays = PortArrays()
        self._ticks = TickBook(self._arrays)
        self._situations = Situations(self._arrays)
        self._judges = [Judge(self._arrays, f) for f in FEATURES]
        self._minutes = Minutes(self._arrays, self._settings.explain_from)
        self._arrays.add("spell", np.int64, fill=-1)
        self._arrays.add("learned_minute", np.int64, fill=-1)
        self._leaders = leaders(())
        self._decider = Decider(f"{self.name}-{self.version}")
        self._values = Values(self._arrays, VALUES, f"{self.name}-{self.version}")
        self._signs = Signs(self._arrays, f"{self.name}-{self.version}")
        self._doings = Doings(f"{self.name}-{self.version}")
        self._pooled = -1
        self._newest = 0
        budget = self._settings.alerts_per_port_month / (_SPELLS_A_MONTH * (len(FEATURES) + len(VALUES)))
        self._level = float(-np.log(budget))

    def bytes_per_port(self) -> int:
        """Bytes of state that one port takes."""
        return self._arrays.bytes_per_port() + self._doings.bytes_per_port()

    def on_batch(self, batch: Batch) -> Outputs:
        """Take a batch; late, repeated and retained readings are dropped."""
        out = Outputs()
        slots = self._slots(batch.ports)
        if batch.events:
            told, renewed = self._doings.take(batch.events, self._level)
            out.alerts += told
            self._renew(renewed)
        if len(batch.other):
            kind = self._arrays["port.kind"][: len(self._index)]
            out.alerts += self._values.take(slots[batch.other.port], batch.other, kind, self._index.ports, self._level)
        if not len(batch.readings):
            return out
        slots = slots[batch.readings.port]
        for rows, mark in self._segments(batch.readings):
            if mark > self._pooled:
                self._pool(mark)
            readings = batch.readings if rows is None else batch.readings.take(rows)
            ticks = self._ticks.take(slots if rows is None else slots[rows], readings)
            if len(ticks):
                self._judge(ticks, out)
        return out

    def on_time(self, now: int) -> Outputs:
        """Whether bursts of restarts are over; silence is told by uptime."""
        return Outputs(alerts=self._doings.on_time(now, self._level))

    def _renew(self, stations: list[tuple[str, int]]) -> None:
        """Note the time at which stations came up with other firmware."""
        for station, at in stations:
            slots = [i for i, port in enumerate(self._index.ports) if port.rpartition("/")[0] == station]
            self._arrays["past.renewed"][slots] = at

    def _slots(self, ports: list[str]) -> NDArray[np.intp]:
        known = len(self._index)
        slots = self._index.slots(ports)
        if len(self._index) > known:
            self._arrays.grow(len(self._index))
            self._leaders = leaders(self._index.ports)
            self._situations.describe(range(known, len(self._index)), self._index.ports[known:], self.facts)
        return slots

    def _segments(self, readings: Readings) -> Iterable[tuple[slice | None, int]]:
        """The rows between day marks of log time, each with its mark; None for all rows."""
        newest = np.maximum(np.maximum.accumulate(readings.received_at), self._newest)
        self._newest = int(newest[-1])
        marks = newest // POOL_US
        if marks[0] == marks[-1]:
            return [(None, int(marks[0]))]
        cuts = [0, *(np.flatnonzero(np.diff(marks)) + 1).tolist(), len(marks)]
        return [(slice(a, b), int(marks[a])) for a, b in pairwise(cuts)]

    def _pool(self, mark: int) -> None:
        self._pooled = mark
        kind = self._arrays["port.kind"][: len(self._index)]
        for judge in self._judges:  # values are judged by their own past alone: they have no place in log time
            judge.expectation.pool(kind)
            judge.tail.pool(kind)

    def _judge(self, t: Ticks, out: Outputs) -> None:
        s = self._situations.derive(t, self._leaders)
        samples = [f.sample(s) for f in FEATURES]
        learn = self._learnable(t, s.charging)
        matrices = Matrices(*(np.zeros((len(t), len(FEATURES)), np.float32) for _ in range(3)))
        alerts = self._signs.take(t, learn, s.charging, self._index.ports, self._level)
        rank = spells(t.slot, t.at, t.first, self._arrays["spell"], SPELL_US)
        rounds = int(rank.max()) + 1
        parts = [None if sample is None else sample.by_spell(rank, rounds) for sample in samples]
        for number in range(rounds):
            if number:
                here = np.flatnonzero(rank == number)
                here = here[starts(t.slot[here])]
                self._close(t.slot[here], t.at[here])
            alerts += self._round(s, [None if p is None else p[number] for p in parts], learn, matrices)
        if self._settings.write_scores:
            out.writes += self._minutes.take(t, s.context, matrices, self._index.ports)
        alerts.sort(key=lambda item: item[:2])
        out.alerts += [alert for _, _, alert in alerts]

    def _close(self, slot: Slots, at: Int64) -> None:
        """End the spell of `slot` (each once), whose next one begins with ticks at `at`."""
        kind = self._arrays["port.kind"][slot]
        for judge in self._judges:
            judge.close(slot, kind)
        renewed = slot[self._arrays["past.renewed"][slot] < at]
        if len(renewed):
            for judge in self._judges:
                if judge.feature.firmware:
                    judge.forget(renewed)
            self._arrays["past.renewed"][renewed] = np.iinfo(np.int64).max

    def _learnable(self, t: Ticks, charging: Bools) -> Bools:
        """One tick a minute while charging, one in ten minutes while idle."""
        minute = t.at // MINUTE_US
        period = np.where(charging, minute, minute // _IDLE_EVERY * _IDLE_EVERY)
        seen = before(minute, t.first, self._arrays["learned_minute"][t.slot])
        self._arrays["learned_minute"][t.slot[ends(t.first)]] = minute[ends(t.first)]
        return np.asarray(seen < period)

    def _round(self, s: Situation, samples: list[Sample | None], learn: Bools,
               matrices: Matrices) -> list[tuple[int, int, Alert]]:  # fmt: skip
        t = s.ticks
        verdicts: list[Verdict] = []
        for f, (judge, part) in enumerate(zip(self._judges, samples, strict=True)):
            if part is None or not len(part.rows):
                continue
            rows = part.rows
            verdict = judge.judge(part, t.slot[rows], t.at[rows], s.kind[rows])
            if verdict is not None:
                for matrix, values in zip(
                    matrices, (verdict.surprise, verdict.observed, verdict.expected), strict=True
                ):
                    matrix[verdict.rows, f] = values
                verdicts.append(verdict)
            judge.collect(part, t.slot[rows], learn[rows])
        return self._decide(s, verdicts)

    def _decide(self, s: Situation, verdicts: list[Verdict]) -> list[tuple[int, int, Alert]]:
        t = s.ticks
        watched = np.zeros(len(self._index), np.bool_)
        watched[[self._index.slot(p) for p in self._decider.watched()]] = True
        told: list[tuple[int, int, Alert]] = []
        for row, rows in gather(s, verdicts, watched, self._level):
            port = self._index.ports[t.slot[row]]
            alerts = self._decider.tick(port, int(t.at[row]), int(t.received[row]), rows)
            told += [(int(t.origin[row]), row, alert) for alert in alerts]
        return told

    def snapshot(self) -> dict[str, Any]:
        """Plain data: ports, arrays, priors, open episodes."""
        return {
            "v": self.version,
            "ports": list(self._index.ports),
            "arrays": self._arrays.snapshot(len(self._index)),
            "priors": {j.feature.name: j.priors() for j in (*self._judges, *self._values.judges)},
            "decider": self._decider.snapshot(),
            "values": self._values.decider.snapshot(),
            "signs": self._signs.decider.snapshot(),
            "doings": self._doings.snapshot(),
            "pooled": self._pooled,
            "newest": self._newest,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot; ValueError if it is of another version or shape."""
        if state.get("v") != self.version:
            raise ValueError(
                f"anomaly snapshot has version {state.get('v')!r}, this reads {self.version}: run the flow with --rebuild"
            )
        ports = [str(p) for p in state["ports"]]
        self._arrays.restore(state["arrays"], len(ports))
        self._index = PortIndex(ports)
        self._leaders = leaders(ports)
        for judge in (*self._judges, *self._values.judges):
            judge.restore(state["priors"][judge.feature.name])
        self._values.decider.restore(state["values"])
        self._signs.decider.restore(state["signs"])
        self._doings.restore(state["doings"])
        self._decider.restore(state["decider"])
        self._pooled, self._newest = int(state["pooled"]), int(state["newest"])


def subset(state: Mapping[str, Any], ports: Iterable[str]) -> dict[str, Any]:
    """The part of an operator's snapshot that concerns `ports` (those it knows), to seed one shard from a run over all."""
    wanted = set(ports)
    rows: Slots = np.array([i for i, p in enumerate(state["ports"]) if p in wanted], np.intp)

    def part(decider: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "open": [e for e in decider["open"] if e["port"] in wanted],
            "rest": [r for r in decider["rest"] if r[0] in wanted],
        }

    return {
        **state,
        "ports": [state["ports"][i] for i in rows],
        "arrays": {name: array[rows] for name, array in state["arrays"].items()},
        "decider": part(state["decider"]),
        "values": part(state["values"]),
        "signs": part(state["signs"]),
        "doings": doings_subset(state["doings"], wanted, part),
    }
