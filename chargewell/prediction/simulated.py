"""Simulated fleets that teach and judge failure models: hours, registry facts and labels, without broker or database.

The physics runs a minute a step as in any simulated history; minutes go through the anomaly operator and the same hourly sums
as stored ones. A row is an instant of its minute (a real one is the mean); of idle minutes there is one in ten.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.anomaly.operator import AnomalyOperator
from models.columns import Batch, Readings
from models.failure.hour_book import IDLE_EVERY, HourBook
from models.failure.hours import HOUR_US
from models.failure.teach import Taught
from models.operator import Append
from schemas.assets import PortFacts
from schemas.channels import BY_NAME
from simulator import values
from simulator.ageing import OTHER_PARTS, PARTS, Life, lives, within
from simulator.constants import Constants
from simulator.effects import Effects
from simulator.fleet import Fleet, generate
from simulator.history import History
from simulator.history_events import Span
from simulator.recorder import Rows
from simulator.speak import SAYS
from simulator.world import World

_DAY_US: Final = 24 * HOUR_US
_YEAR_US: Final = 365.25 * _DAY_US
_STATION_EVERY_H: Final = 6
Tell = Callable[[World, int, Effects | None, values.Draw], values.Values]

OTHER: Final = Constants(
    rise_dc=29.0, rise_ac=27.5, rise_spread=0.13, tau_connector=340.0, rise_cabinet_dc=25.0, rise_cabinet_ac=12.0,
    rise_standby=3.8, tau_cabinet=380.0, fan_idle=0.28, fan_from=26.0, fan_full=47.0, still_air=0.36, derate_connector=86.0,
    derate_cabinet=59.0, module_efficiency=0.948, ac_loss=0.005, grid_noise=0.008, feeder_ohm_ac=0.065, temp_noise=0.22,
    sensor_offset=1.1, volt_noise=0.0012, amp_noise=0.0035, weather_spread=4.2, isolation_kohm=1_900.0, dropouts_per_day=0.2,
)  # fmt: skip
"""A second world: contacts, cabinets, fans, supply, sensors and weather are not those that a model was trained in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A fleet to simulate: `stations` (two ports each on average) for `days` from `start_day` (days since 1970); `other`
    takes the physics and the ageing of the second world."""

    stations: int
    days: int
    seed: int
    start_day: int
    other: bool = False


def simulate(plan: Plan) -> Taught:
    """Live through `plan`. Cost: about 1.6 s a day of 1,200 ports, half of it the anomaly operator; determined by the plan."""
    fleet = generate(plan.stations, plan.seed)
    start_us = plan.start_day * _DAY_US
    end_us = start_us + plan.days * _DAY_US
    years = _years(fleet, plan.seed)
    happened = lives(fleet, start_us, end_us, years, plan.seed, OTHER_PARTS if plan.other else PARTS)
    facts = _facts(fleet, years, start_us)
    world = World(fleet, OTHER if plan.other else Constants(), seed=plan.seed)
    history = History(world, start_us, end_us, 1, faults=within(happened, start_us))
    watcher = _Watcher(world, facts)
    for span in history.spans():
        watcher.take(span)
    _tell_lives(happened, start_us, end_us, watcher.book)
    labels = [(life.label(), True) for life in happened if life.begin_us < end_us]
    return Taught(watcher.book.hours(), facts, labels, end_us)


class _Watcher:
    """Gives what a span shows to the anomaly operator and to the book of hours."""

    def __init__(self, world: World, facts: dict[str, PortFacts]) -> None:
        self.book = HourBook(facts)
        self._world = world
        self._anomaly = AnomalyOperator(facts)
        self._names = world.fleet.port_names
        protocols = [world.fleet.stations[i].protocol for i in world.columns.station]
        self._said = {name: np.array([name in SAYS[p] for p in protocols]) for name in BY_NAME}
        self._speaks = np.array([p == "canonical" for p in protocols])
        self._rng = np.random.default_rng([world.seed, 0x7A7C4])

    def take(self, span: Span) -> None:
        """One span of the history."""
        batch = self._batch(span)
        means = {f"{name}_mean": column for name, column in batch.readings.channels.items()}
        self.book.take("reading_1m", self._names, batch.readings.port, {"at": batch.readings.at, **means})
        for write in self._anomaly.on_batch(batch).writes:
            if isinstance(write, Append):
                self.book.take(write.table, write.ports, write.port, write.columns)
        self._values(span)
        self._sessions(span)

    def _batch(self, span: Span) -> Batch:
        charging = span.trace.charging[: span.trace.steps]
        looked = charging.copy()
        looked[::IDLE_EVERY] = True
        node, port = np.nonzero(looked)
        rows = Rows(node, port, np.zeros(len(node), np.int64))
        channels = self._world.sensors.channels(span.trace.truth(rows), self._rng, span.trace.effects_at(rows))
        at = span.node_us[node, self._world.columns.station[port]]
        order = np.argsort(at, kind="stable")
        n = len(order)
        told = {
            name: np.where(self._said[name][port], column, np.nan)[order].astype(BY_NAME[name].dtype)
            for name, column in channels.items()
        }
        readings = Readings(
            port[order].astype(np.int32),
            at[order],
            at[order],
            np.full(n, span.number),
            np.arange(n),
            np.zeros(n, np.uint8),
            told,
        )
        return Batch(0, span.number, span.number, span.end_us, self._names, readings=readings)

    def _values(self, span: Span) -> None:
        rows: list[tuple[int, int, str, float]] = []
        for visit in span.started:
            if self._speaks[visit.port]:
                self._tell(span, visit.start_us, visit.port, values.at_start, rows)
                if self._world.columns.dc[visit.port]:
                    self._tell(span, visit.start_us, visit.port, values.while_charging, rows)
        for port in (int(p) for p in self._world.columns.first if self._speaks[p]):
            for at in range(
                int(span.node_us[0, self._world.columns.station[port]]), span.end_us, _STATION_EVERY_H * HOUR_US
            ):
                self._tell(span, at, port, values.of_station, rows)
        if rows:
            told = {
                "at": np.array([row[0] for row in rows]),
                "channel": [row[2] for row in rows],
                "value": np.array([row[3] for row in rows]),
            }
            self.book.take("reading_other", self._names, np.array([row[1] for row in rows]), told)

    def _tell(self, span: Span, at: int, port: int, what: Tell, rows: list[tuple[int, int, str, float]]) -> None:
        node = (at - int(span.node_us[0, self._world.columns.station[port]])) // (span.trace.step_s * 1_000_000)
        said = what(self._world, port, span.trace.effects.get(node), self._rng.standard_normal)
        rows.extend((at, port, name, value) for name, value in said.items())

    def _sessions(self, span: Span) -> None:
        over = span.stopped
        self.book.marks([self._names[v.port] for v in over], np.array([v.stop_us for v in over], np.int64), "sessions")
        bad = [v for v in over if v.abrupt] + [v for v in span.came if v.gives_up]
        self.book.marks([self._names[v.port] for v in bad], np.array([v.stop_us for v in bad], np.int64), "failed")


def _tell_lives(happened: list[Life], start_us: int, end_us: int, book: HourBook) -> None:
    """What a port says of itself when a part sticks or fails."""
    for life in happened:
        slot = book.slot(life.port)
        for at in (*life.hiccups, *(() if life.fail_us is None else (life.fail_us,))):
            if start_us <= at < end_us:
                book.mark(slot, at, "faults", life.family)


def _years(fleet: Fleet, seed: int) -> NDArray[np.float64]:
    """The age of each port: that of its station, up to eight years."""
    rng = np.random.default_rng([seed, 0xA9E])
    return np.asarray(rng.uniform(0.2, 8.0, len(fleet.stations))[fleet.station_of], np.float64)


def _facts(fleet: Fleet, years: NDArray[np.float64], start_us: int) -> dict[str, PortFacts]:
    stations = {s.station: s for s in fleet.stations}
    return {
        p.port: PortFacts(
            site=stations[p.station].site, kind=p.model.kind, rated_w=p.model.rated_w, phases=p.model.phases,
            model=p.model.name, firmware=stations[p.station].firmware, discovered=False,
            commissioned_at=start_us - int(years[i] * _YEAR_US),
        )
        for i, p in enumerate(fleet.ports)
    }  # fmt: skip
