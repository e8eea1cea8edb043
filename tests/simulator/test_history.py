from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from schemas.channels import BY_NAME, NAMES
from schemas.telemetry import EVENT_KINDS, STATUSES
from schemas.topics import partition_of
from simulator.faults import Fault
from simulator.history import History
from simulator.ports import US
from simulator.world import Moment, World

START = 1_760_000_040 * US // (60 * US) * (60 * US)
DAY = 86_400 * US


def readings_of(chunks, port: str) -> dict[str, np.ndarray]:
    """All readings of one port over `chunks`, as columns with `at`."""
    parts = defaultdict(list)
    for chunk in chunks:
        if port in chunk.ports:
            mine = chunk.readings.port == chunk.ports.index(port)
            parts["at"].append(chunk.readings.at[mine])
            for name, column in chunk.readings.channels.items():
                parts[name].append(column[mine])
    return {name: np.concatenate(columns) for name, columns in parts.items()}


def events_of(chunks, port: str | None = None) -> list:
    """The events of a port (or of all) in order of time."""
    found = [e for c in chunks for e in c.events if port is None or e.port == port]
    return sorted(found, key=lambda e: (e.at, e.origin, e.seq))


@pytest.fixture(scope="module")
def week(fleet):
    """Two days of the small network, and the history they came of."""
    made = History(World(fleet), START, START + 2 * DAY, 4)
    return made, list(made)


def test_chunks_are_columns_in_order_of_time_of_the_ports_of_their_shard(week, fleet):
    _, chunks = week

    assert {c.partition for c in chunks} == {0, 1, 2, 3}
    for chunk in chunks:
        assert all(partition_of(p.rpartition("/")[0].encode(), 4) == chunk.partition for p in chunk.ports)
        assert (np.diff(chunk.readings.at) >= 0).all()
        assert (np.diff([e.at for e in chunk.events]) >= 0).all()
        seq = np.concatenate(
            (chunk.readings.seq, chunk.other.seq, [e.seq for e in chunk.events], [b.seq for b in chunk.beats])
        )
        assert sorted(seq.tolist()) == list(range(len(seq)))
        assert set(chunk.readings.channels) == set(NAMES)
        assert all(column.dtype == BY_NAME[name].dtype for name, column in chunk.readings.channels.items())
    assert sorted(p for c in chunks[:4] for p in c.ports) == sorted(fleet.port_names)


def test_values_lie_within_the_range_of_their_channel(week):
    _, chunks = week
    for chunk in chunks:
        for name, column in chunk.readings.channels.items():
            known = column[~np.isnan(column)]
            assert ((known >= BY_NAME[name].low) & (known <= BY_NAME[name].high)).all(), name


def test_a_port_speaks_once_a_minute_idle_and_every_ten_seconds_charging(week, fleet):
    _, chunks = week
    gaps = {True: [], False: []}
    for port in fleet.port_names:
        mine = readings_of(chunks, port)
        charging = ~np.isnan(mine["power_offered"])
        assert (np.diff(mine["at"]) > 0).all()
        for state in (True, False):
            gaps[state].append(np.diff(mine["at"])[charging[:-1] == state] // US)

    idle, busy = np.concatenate(gaps[False]), np.concatenate(gaps[True])
    assert np.median(idle) == 60
    assert np.median(busy) == 10
    assert (idle == 60).mean() > 0.995
    assert 0.02 < len(busy) / 6 / (len(busy) / 6 + len(idle)) < 0.15


def test_the_register_of_a_session_is_the_integral_of_its_power(week, fleet):
    _, chunks = week
    checked = 0
    for port in fleet.port_names:
        mine, begun = readings_of(chunks, port), None
        for event in events_of(chunks, port):
            if event.kind == "session_start":
                begun = event
            if event.kind == "session_end" and begun is not None:
                inside = (mine["at"] >= begun.at) & (mine["at"] <= event.at)
                at, power = mine["at"][inside] / US, mine["power"][inside]
                whole = len(at) > 5 and np.diff(at).max() <= 60
                register = event.data["meter_wh"] - begun.data["meter_wh"]
                if whole and register > 1000:
                    checked += 1
                    assert np.trapezoid(power, at) / 3600 == pytest.approx(register, rel=0.02), port
                assert register >= 0
    assert checked > 15


def test_events_are_of_known_kinds_and_sessions_pair_up(week):
    _, chunks = week
    events = events_of(chunks)
    assert {e.kind for e in events} <= set(EVENT_KINDS)
    assert {e.data["status"] for e in events if e.kind == "status"} <= set(STATUSES)
    starts = [e.data["session"] for e in events if e.kind == "session_start"]
    ends = [e.data["session"] for e in events if e.kind == "session_end"]

    assert len(set(starts)) == len(starts) > 20
    assert set(ends) <= set(starts)
    assert len(starts) - len(ends) <= 10


def test_statuses_of_a_port_follow_one_another_sensibly(week, fleet):
    after = {
        "available": {"preparing"},
        "preparing": {"charging", "available"},
        "charging": {"suspended_ev", "finishing"},
        "suspended_ev": {"finishing"},
        "finishing": {"available"},
    }
    _, chunks = week
    for port in fleet.port_names:
        said = [e.data["status"] for e in events_of(chunks, port) if e.kind == "status"]
        for one, next_one in pairwise(said):
            assert next_one in after[one], (port, said)


def test_the_same_seed_gives_the_same_history_and_another_seed_another(fleet, week):
    _, first = week
    again = list(History(World(fleet), START, START + 2 * DAY, 4))
    other = list(History(World(fleet, seed=2), START, START + 2 * DAY, 4))

    for one, same in zip(first, again, strict=True):
        assert one.events == same.events
        for name, column in one.readings.channels.items():
            np.testing.assert_array_equal(column, same.readings.channels[name])
    assert [len(c.readings) for c in other] != [len(c.readings) for c in first]


def test_a_history_in_two_parts_ends_in_the_same_state(fleet, week, tmp_path):
    whole, _ = week
    world = World(fleet)
    one = History(world, START, START + 17 * DAY // 24, 4)
    list(one)
    one.moment.save(tmp_path / "state.npz", world)
    two = History(world, START + 17 * DAY // 24, START + 2 * DAY, 4, moment=Moment.load(tmp_path / "state.npz", world))
    list(two)

    for name, array in whole.moment.state.arrays().items():
        np.testing.assert_allclose(two.moment.state.arrays()[name], array, rtol=1e-4, atol=1e-3, err_msg=name)
    assert two.moment.visits == whole.moment.visits
    assert two.moment.status == whole.moment.status


def test_a_state_of_another_fleet_is_refused(world, tmp_path):
    from simulator.fleet import generate

    Moment.fresh(world, START).save(tmp_path / "state.npz", world)

    with pytest.raises(ValueError, match="another fleet"):
        Moment.load(tmp_path / "state.npz", World(generate(20, seed=5)))


def test_a_silent_station_leaves_a_gap_and_its_sessions_arrive_late(fleet):
    station = next(s for s in fleet.stations if s.model.kind == "dc" and s.model.ports > 1)
    port = f"{station.station}/1"
    begin, end = START + 2 * 3600 * US, START + 10 * 3600 * US
    chunks = list(History(World(fleet), START, START + DAY, 4, faults=[Fault(port, "silent", begin, end)]))
    mine = readings_of(chunks, port)

    assert not ((mine["at"] >= begin) & (mine["at"] < end)).any()
    assert (mine["at"] < begin).sum() > 100
    assert (mine["at"] >= end).sum() > 400
    links = [e for e in events_of(chunks, f"{station.station}/0") if e.kind == "connection"]
    assert [e.data["connected"] for e in links] == [False, True]
    ports = (f"{station.station}/1", f"{station.station}/2")
    inside = [e for e in events_of(chunks) if begin <= e.at < end and e.port in ports]
    assert inside
    assert all(e.kind.startswith("session") and e.received_at >= end and e.data["offline"] for e in inside)


def test_an_emergency_stop_cuts_the_session_and_says_why(fleet):
    healthy = History(World(fleet), START, START + DAY, 4)
    begun = [e for e in events_of(list(healthy)) if e.kind == "session_start" and e.at < START + DAY // 2]
    port, at = begun[3].port, begun[3].at + 300 * US
    fault = Fault(port, "emergency_stop", at, at + 3600 * US)

    cut = History(World(fleet), START, START + DAY, 4, faults=[fault])
    events = [e for e in events_of(list(cut), port) if e.at >= at]

    end = next(e for e in events if e.kind == "session_end")
    assert (end.data["reason"], end.data["session"]) == ("emergency_stop", begun[3].data["session"])
    assert 0 <= end.at - at < 60 * US
    faulted = next(e for e in events if e.data.get("status") == "faulted")
    assert (faulted.data["vendor_code"], faulted.at) == ("CX008", end.at)
    label = cut.labels()[0]
    assert (label.port, label.fault, label.source, label.hidden) == (port, "emergency_stop", "simulator", False)


def test_a_placed_visit_happens_and_reaches_beyond_the_end(fleet):
    from simulator.arrivals import Visit

    port = next(i for i, p in enumerate(fleet.ports) if p.model.name == "Rapid 50")
    end = START + 6 * 3600 * US
    visit = Visit(port, end - 1800 * US, end - 1770 * US, end + 1800 * US, end + 1860 * US, 5, 0.1, 1.0, "0A")

    made = History(World(fleet), START, end, 2, placed=[visit])
    mine = readings_of(list(made), fleet.port_names[port])

    assert made.moment.status[port] == "charging"
    assert made.moment.on[port]
    assert mine["power"][-1] > 40_000
    assert made.moment.visits[port].stop_us > end


def test_what_a_healthy_port_delivers_is_what_was_asked_for_or_offered(week, fleet):
    _, chunks = week
    steady = 0
    for port in (p.port for p in fleet.ports if p.model.kind == "dc"):
        mine = readings_of(chunks, port)
        flowing = ~np.isnan(mine["current_requested"]) & (mine["current"] > 20)
        settled = flowing & np.roll(flowing, 4)  # not while the current rises
        least = np.minimum(mine["current_requested"], mine["current_offered"])[settled]
        ratio = mine["current"][settled] / least
        steady += settled.sum()
        if not len(ratio):
            continue  # its protocol has no word for a requested current
        assert np.abs(ratio - 1).max() < 0.03, port
        assert np.median(ratio) == pytest.approx(1.0, abs=0.004)
    assert steady > 300


def test_a_broken_sensor_says_nothing_in_any_reading_of_its_span(world):
    port = next(p.port for p in world.fleet.ports if p.model.kind == "ac")
    faults = [Fault(port, "sensor_open", START)]
    said = []
    for chunk in History(world, START, START + DAY // 4, 1, faults=faults):
        rows = chunk.readings.port == chunk.ports.index(port)
        said.append(chunk.readings.channels["temp_connector"][rows])
    assert np.isnan(np.concatenate(said)).all()


def test_watchdog_restarts_cut_sessions_and_boot_and_a_flaky_link_only_comes_and_goes(world):
    first, other = (s.station for s in world.fleet.stations[:2])
    faults = [Fault(f"{first}/1", "restarts", START), Fault(f"{other}/1", "link_flaky", START)]
    events = [e for c in History(world, START, START + 2 * DAY, 1, faults=faults) for e in c.events]
    boots = [e for e in events if e.kind == "boot" and e.data["reason"] == "watchdog"]
    links = [e for e in events if e.kind == "connection" and e.port == f"{other}/0"]
    assert {e.port for e in boots} == {f"{first}/0"}
    assert len(boots) > 5
    assert [e.data["connected"] for e in links[:4]] == [False, True, False, True]
    assert len(links) > 20


@pytest.mark.parametrize(("variant", "sign"), [("reader_dead", "no_start"), ("interop", "no_energy")])
def test_visitors_are_turned_away_as_often_as_the_severity_says(world, variant, sign):
    ports = [p.port for p in world.fleet.ports if p.model.kind == "dc"]
    faults = [Fault(p, variant, START, severity=0.5) for p in ports]
    chunks = list(History(world, START, START + 4 * DAY, 1, faults=faults))
    events = sorted((e for c in chunks for e in c.events if e.port in ports), key=lambda e: e.at)
    came = sum(e.kind == "status" and e.data["status"] == "preparing" for e in events)
    began = {e.port: [] for e in events}
    for e in events:
        if e.kind in ("session_start", "session_end"):
            began[e.port].append(e.data["meter_wh"])
    drawn = [b - a for meters in began.values() for a, b in zip(meters[::2], meters[1::2], strict=False)]
    failed = came - len(drawn) if sign == "no_start" else sum(d < 1_000 for d in drawn)
    assert 0.3 < failed / came < 0.7
