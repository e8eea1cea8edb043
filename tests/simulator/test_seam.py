"""History and live are one world: what a history says of an instant is what the live network is at that instant."""

import numpy as np
import pytest

from simulator.arrivals import Visit
from simulator.constants import Constants
from simulator.faults import FaultSet
from simulator.fleet import generate
from simulator.history import History
from simulator.live import LiveFleet
from simulator.ports import US
from simulator.schedule import Schedule
from simulator.world import Moment, World

START = 1_760_000_040 * US // (60 * US) * (60 * US)
END = START + 2400 * US
QUIET = Constants(volt_noise=1e-9, amp_noise=1e-9, temp_noise=1e-9, sensor_offset=1e-9, dropouts_per_day=0.0)


class Nobody:
    """No visitors but the placed ones."""

    def between(self, start_us, end_us):
        return iter(())

    def of_day(self, day):
        return []


@pytest.fixture(scope="module")
def both():
    """The same visits, one at each port, as a history and as the states of a live network second by second."""
    fleet = generate(10, seed=5)
    world = World(fleet, QUIET)
    world.arrivals = Nobody()
    schedule = Schedule(world, FaultSet(fleet), (), 60)
    rng = np.random.default_rng(4)
    visits = []
    for port in range(len(fleet.ports)):
        plug = START + int(rng.uniform(60, 300) * US)
        vehicle, soc = int(rng.choice([2, 3, 5, 6, 8])), float(rng.uniform(0.1, 0.6))
        visit = Visit(
            port, plug, plug + 20 * US, plug + int(rng.uniform(600, 1500) * US), END, vehicle, soc, 0.97, "0A"
        )
        visits.append(schedule.snapped(visit))
    chunks = list(History(world, START, END, 1, placed=visits))
    live = LiveFleet(world, Moment.fresh(world, START), placed=visits)
    seconds = []
    while live.now < END:
        live.advance(live.now + US)
        state = live.moment.state
        seconds.append(
            {name: array.copy() for name, array in state.arrays().items()} | {"on": live.moment.on & ~state.done}
        )
    return world, visits, chunks[0], seconds


CHANNELS = {
    "power": ("power", 0.03, 60.0),
    "current_requested": (None, 0.03, 2.0),
    "power_offered": ("offered", 0.03, 120.0),
    "soc": ("soc", 0.0, 1.2),
    "temp_connector": ("rise", 0.0, 0.6),
    "temp_internal": ("s_rise", 0.0, 0.6),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_history_says_what_the_live_network_is(both, channel):
    world, visits, chunk, seconds = both
    name, rel, tolerance = CHANNELS[channel]
    compared = 0
    changes = changes_at_the_station(world, seconds)
    for i, port in enumerate(chunk.ports):
        p = world.fleet.index[port]
        visit = next(v for v in visits if v.port == p)
        rows = np.flatnonzero(chunk.readings.port == i)
        for at, value in zip(chunk.readings.at[rows], chunk.readings.channels[channel][rows], strict=True):
            k = (int(at) - START) // US - 1
            settling = any(0 <= at - c <= 70 * US for c in changes[p])
            if np.isnan(value) or k < 60 or k >= len(seconds) or settling:
                continue
            expected = truth(world, seconds[k], p, channel, name, int(at))
            compared += 1
            assert value == pytest.approx(expected, rel=rel, abs=tolerance), (port, (at - visit.start_us) / US)
    assert compared > 300


def changes_at_the_station(world, seconds) -> dict[int, list[int]]:
    """For each port the minutes in which current starts or stops at its station: a history draws those as straight lines."""
    flows = np.array([second["on"] for second in seconds])
    at, port = np.nonzero(flows[1:] != flows[:-1])
    station = world.columns.station
    found: dict[int, list[int]] = {p: [] for p in range(world.columns.ports)}
    for edge, changed in zip(START + (at + 2) * US, port, strict=True):
        for p in np.flatnonzero(station == station[changed]).tolist():
            found[p] += [int(edge) - 60 * US, int(edge)]
    return found


def truth(world, state, p: int, channel: str, name: str | None, at: int) -> float:
    station = int(world.columns.station[p])
    if channel == "current_requested":
        return float(state["wanted"][p] / max(state["volts"][p], 1))
    if channel == "soc":
        return float(np.floor(state["soc"][p] * 100))
    if channel.startswith("temp"):
        ambient = world.surroundings(np.full(len(world.fleet.stations), at)).ambient[station]
        return float(ambient + (state["rise"][p] if name == "rise" else state["s_rise"][station]))
    return float(state[name][p]) * bool(state["on"][p])


def test_both_count_the_same_energy(both):
    world, visits, chunk, seconds = both
    for visit in visits:
        ends = [
            e.data["meter_wh"]
            for e in chunk.events
            if e.kind == "session_end" and e.port == world.fleet.port_names[visit.port]
        ]
        live = float(seconds[-1]["register"][visit.port])
        begin = world.registers()[visit.port]
        assert live - begin == pytest.approx(ends[0] - begin, rel=0.015, abs=20)
