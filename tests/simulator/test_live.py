from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import orjson
import pytest

from connectors.adapters.normalise import Normaliser
from schemas.messages import MODELS
from schemas.telemetry import RawRecord, encode_cw
from simulator.arrivals import Visit
from simulator.faults import Fault
from simulator.fleet import generate
from simulator.history import History
from simulator.live import LiveFleet
from simulator.outbox import Link, Said
from simulator.ports import US
from simulator.reporter import Pace
from simulator.script import DEMO, Script
from simulator.variants import VARIANTS
from simulator.world import Moment, World

END = 1_760_000_040 * US // (60 * US) * (60 * US)


@pytest.fixture(scope="module")
def script():
    return Script(generate(60, seed=3, heartbeat_s=30.0), DEMO, seed=3)


@pytest.fixture(scope="module")
def past(script):
    """Two hours of history with the demo's visitors, its chunks, and the file its end state rests in."""
    world = World(script.fleet, seed=3)
    made = History(world, END - 7200 * US, END, 1, placed=script.visits(END))
    return world, made, list(made)


@pytest.fixture
def moment(past, tmp_path):
    """The end of that history, afresh for each test."""
    world, made, _ = past
    made.moment.save(tmp_path / "state.npz", world)
    return Moment.load(tmp_path / "state.npz", world)


@pytest.fixture
def live(past, script, moment):
    """The network from there on, with the demo's faults."""
    return LiveFleet(past[0], moment, script.faults(END))


def bodies(said, station: str, kind: str) -> list[dict]:
    """Decoded payloads of one kind of message of a station."""
    topic = f"ev/{station}/from/{kind}"
    return [orjson.loads(s.payload) for s in said if isinstance(s, Said) and s.topic == topic]


def events(said, port: str, kind: str) -> list[dict]:
    """The canonical events of a kind that a port told."""
    station, _, number = port.rpartition("/")
    return [b for b in bodies(said, station, "event") if b["kind"] == kind and b["port"] == int(number)]


def test_the_same_calls_give_the_same_messages_however_time_is_cut(past, script, tmp_path):
    world, made, _ = past
    made.moment.save(tmp_path / "state.npz", world)
    one = LiveFleet(world, Moment.load(tmp_path / "state.npz", world), script.faults(END))
    two = LiveFleet(world, Moment.load(tmp_path / "state.npz", world), script.faults(END))

    at_once = one.advance(END + 90 * US)
    bit_by_bit = [said for i in range(1, 181) for said in two.advance(END + i * US // 2)]

    assert at_once == bit_by_bit
    assert len(at_once) > 500


def test_every_canonical_message_fits_its_published_schema(live):
    kinds = Counter()
    for said in live.advance(END + 200 * US):
        kind = said.topic.rpartition("/")[2] if isinstance(said, Said) else ""
        if kind in MODELS:
            MODELS[kind].validate_json(said.payload)
            kinds[kind] += 1

    assert {"reading", "event", "heartbeat", "connection"} <= set(kinds) | {"connection"}
    assert kinds["reading"] > 500


def test_the_live_network_goes_on_where_the_history_ended(past, live):
    _, _, chunks = past
    last = {}
    for chunk in chunks:
        energy, power = chunk.readings.channels["energy"], chunk.readings.channels["power"]
        for i, port in enumerate(chunk.readings.port.tolist()):
            last[chunk.ports[port]] = (int(chunk.readings.at[i]), float(energy[i]), float(power[i]))
    first = {}
    for said in live.advance(END + 75 * US):
        if isinstance(said, Said) and said.topic.endswith("from/reading"):
            body = orjson.loads(said.payload)
            port = f"{said.station}/{body['port']}"
            first.setdefault(port, (body["at"] * 1000, body["energy"], body["power"]))

    charging = [p for p in first if last[p][2] > 1000 and first[p][2] > 1000]
    assert len(charging) > 10
    for port in first:
        assert first[port][0] > last[port][0]
        seconds = (first[port][0] - last[port][0]) / US
        expected = 0.5 * (first[port][2] + last[port][2]) * seconds / 3600
        a_second = first[port][2] / 3600  # a station names its own part of the second
        assert first[port][1] - last[port][1] == pytest.approx(expected, rel=0.02, abs=3 + a_second), port


def test_a_port_has_the_channels_live_that_it_had_in_the_history(past, live):
    _, _, chunks = past
    before = defaultdict(set)
    for chunk in chunks:
        for name, column in chunk.readings.channels.items():
            for i in np.unique(chunk.readings.port[~np.isnan(column)]).tolist():
                before[chunk.ports[i]].add(name)
    hasher, now = Normaliser(b"k" * 32), defaultdict(set)
    said = [s for s in live.advance(END + 100 * US) if isinstance(s, Said)]
    records = [
        RawRecord(i, s.topic.encode(), s.payload, encode_cw("m", s.at_us, False, False, "from", 1, "b", i))
        for i, s in enumerate(said)
    ]  # fmt: skip
    batch = hasher.normalise(0, records).batch
    for name, column in batch.readings.channels.items():
        for i in np.unique(batch.readings.port[~np.isnan(column)]).tolist():
            now[batch.ports[i]].add(name)

    assert len(now) == 120
    for port, channels in now.items():
        assert channels <= before[port], port
        charging = "power_offered" in channels
        assert channels == before[port] or not charging, port


def test_a_session_that_began_in_the_history_ends_live_under_the_same_id(past, script, moment):
    world, _, chunks = past
    begun = {e.port: e.data["session"] for c in chunks for e in c.events if e.kind == "session_start"}
    ports = [
        p
        for p in np.flatnonzero(moment.on).tolist()
        if world.fleet.stations[world.columns.station[p]].protocol == "canonical"
    ]
    live = LiveFleet(world, moment)
    for port in ports:
        live.at(END + 60 * US, lambda p=port: live.guests.end_session(p, "local"))

    said = live.advance(END + 61 * US)

    for port in ports:
        name = world.fleet.port_names[port]
        assert [e["data"]["session"] for e in events(said, name, "session_end")] == [begun[name]]


def test_the_register_is_the_integral_of_the_reported_power(past, moment):
    world = past[0]
    canonical = [
        i for i, p in enumerate(world.fleet.ports)
        if world.fleet.stations[world.columns.station[i]].protocol == "canonical" and moment.visits[i] is None
    ][:12]  # fmt: skip
    visits = [
        Visit(p, END + 20 * US, END + (30 + i) * US, END + (330 + 7 * i) * US, END + 500 * US, 5, 0.2, 0.9, "0A")
        for i, p in enumerate(canonical)
    ]
    live = LiveFleet(world, moment, placed=visits)
    said = live.advance(END + 600 * US)

    for port in canonical:
        name = world.fleet.port_names[port]
        start, end = events(said, name, "session_start")[0], events(said, name, "session_end")[0]
        mine = [
            b for b in bodies(said, name.rpartition("/")[0], "reading") if b["port"] == int(name.rpartition("/")[2])
        ]
        inside = [b for b in mine if start["at"] <= b["at"] <= end["at"]]
        integral = np.trapezoid([b["power"] for b in inside], [b["at"] / 1000 for b in inside]) / 3600
        register = end["data"]["meter_wh"] - start["data"]["meter_wh"]
        assert register > 200
        assert integral == pytest.approx(register, rel=0.02, abs=3)


def test_ports_speak_at_their_pace(past, moment):
    live = LiveFleet(past[0], moment, pace=Pace(charging_s=3, idle_s=10))
    times = defaultdict(list)
    for said in live.advance(END + 300 * US):
        if isinstance(said, Said) and said.topic.endswith("from/reading"):
            body = orjson.loads(said.payload)
            times["power_offered" in body, said.station, body["port"]].append(body["at"])

    gaps = {
        busy: [b - a for key, at in times.items() if key[0] is busy for a, b in pairwise(at)] for busy in (True, False)
    }
    assert np.median(gaps[True]) == 3000
    assert np.median(gaps[False]) == 10_000


def test_hidden_faults_never_show_in_a_status_or_code(live, script):
    said = live.advance(END + 200 * US)
    worn = {fault.port for fault in script.worn(END)}  # hidden for weeks, until it fails for all to see
    hidden = [f for f in live.faults.faults if f.label().hidden and f.port not in worn]
    assert len(hidden) * 2 >= len(live.faults.faults)
    for fault in hidden:
        for event in bodies(said, fault.port.rpartition("/")[0], "event"):
            assert event["data"].get("status") != "faulted"
            assert "error" not in event["data"]
            assert "vendor_code" not in event["data"]


def test_the_ports_of_the_demo_charge_when_their_fault_begins(live, script):
    for part, port in sorted(zip(script.parts, script.ports, strict=True), key=lambda pair: pair[0].after_s):
        live.advance(END + int(part.after_s * US) - US)
        if VARIANTS[part.variant].behaviour != "silent":
            assert live.moment.on[port], part
            assert live.moment.state.power[port] > 5_000, part
    assert len({script.fleet.ports[p].station for p in script.ports}) == len(script.ports)


def test_faults_of_the_demo_are_seen_in_what_they_should_touch(script, past, moment):
    begin = END + 70 * US
    live = LiveFleet(past[0], moment, script.faults(begin))
    said = live.advance(begin + 150 * US)
    by_variant = {f.variant: f.port for f in reversed(live.faults.faults)}

    def readings(variant: str) -> list[dict]:
        station, _, number = by_variant[variant].rpartition("/")
        return [b for b in bodies(said, station, "reading") if b["port"] == int(number)]

    def channel(variant: str, name: str, since_s: float = 60) -> np.ndarray:
        return np.array([b[name] for b in readings(variant) if b["at"] * 1000 > begin + since_s * US and name in b])

    def before(variant: str, name: str) -> float:
        return float(np.mean([b[name] for b in readings(variant) if b["at"] * 1000 < begin + 10 * US]))

    assert channel("contact_wear", "temp_connector", 130).mean() > before("contact_wear", "temp_connector") + 15
    lost = channel("module_lost", "current") / channel("module_lost", "current_requested")
    assert lost.max() < 0.75
    assert min(channel("phase_lost", f"voltage_l{k}").mean() for k in (1, 2, 3)) < 20
    assert channel("fan_slow", "fan_rpm").max() < 1_000
    energy = channel("meter_stuck", "energy")
    assert energy[0] == energy[-1]
    assert channel("meter_stuck", "power").min() > 5_000


def test_a_cut_session_says_why_and_the_port_is_faulted(live):
    fault = next(f for f in live.faults.faults if f.variant == "contactor_stuck")
    said = live.advance(END + 60 * US)

    end = events(said, fault.port, "session_end")[0]
    status = events(said, fault.port, "status")[0]
    assert end["data"]["reason"] == "other"
    assert status["data"] == {"status": "faulted", "error": "power_switch_failure", "vendor_code": "CX017"}
    assert 0 <= status["at"] * 1000 - fault.start_us < 2 * US


def test_a_silent_station_says_nothing_and_tells_the_session_when_it_is_back(past, moment):
    world = past[0]
    port = next(
        p for p in np.flatnonzero(moment.on).tolist()
        if world.fleet.stations[world.columns.station[p]].protocol == "canonical"
    )  # fmt: skip
    name = world.fleet.port_names[port]
    station = name.rpartition("/")[0]
    live = LiveFleet(world, moment, [Fault(name, "silent", END + 60 * US, END + 200 * US)])
    live.at(END + 120 * US, lambda: live.guests.end_session(port, "local"))
    out = [o for o in live.advance(END + 260 * US) if o.station == station]

    cut, back = (i for i, o in enumerate(out) if isinstance(o, Link))
    assert (out[cut].up, out[back].up) == (False, True)
    assert back == cut + 1
    assert orjson.loads(out[back + 1].payload) == {"connected": True}
    assert all(o.at_us >= END + 200 * US for o in out[back:])
    late = events(out[back:], name, "session_end")[0]
    assert late["data"]["offline"]
    assert END + 120 * US <= late["at"] * 1000 < END + 121 * US
    readings = [b["at"] * 1000 for b in bodies(out[back:], station, "reading")]
    assert [a for a in readings if a < END + 119 * US]


def test_messages_of_a_station_are_in_order_of_their_time_but_for_late_ones(live):
    by_station = defaultdict(list)
    for out in live.advance(END + 150 * US):
        by_station[out.station].append(out.at_us)

    assert all(a <= b for times in by_station.values() for a, b in pairwise(times))


def test_readings_in_the_gap_are_told_with_their_own_times_at_the_pace_of_a_history(past, moment):
    live = LiveFleet(past[0], moment, live_from_us=END + 180 * US)

    said = live.advance(END + 180 * US)

    readings = [s for s in said if isinstance(s, Said) and s.topic.endswith("/reading")]
    assert 200 < len(readings) < 120 * 20
    assert END - US < min(r.at_us for r in readings) < END + 60 * US


def test_a_state_saved_while_live_goes_on(live, past, tmp_path):
    world = past[0]
    live.advance(END + 100 * US)
    live.save_to().save(tmp_path / "live.npz", world)
    again = LiveFleet(world, Moment.load(tmp_path / "live.npz", world))
    registers = live.moment.state.register.copy()

    again.advance(END + 101 * US)

    assert (again.moment.state.register >= registers).all()
    assert again.moment.status == live.moment.status


def test_a_fleet_too_small_for_the_script_is_refused_by_name():
    with pytest.raises(ValueError, match="no port left for the fault"):
        Script(generate(5, seed=1), DEMO)
