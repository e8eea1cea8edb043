import orjson
import pytest

from simulator.arrivals import Visit
from simulator.faults import Fault
from simulator.fleet import Fleet, generate
from simulator.live import LiveFleet
from simulator.outbox import Link, Said
from simulator.ports import US
from simulator.world import Moment, World

NOW = 1_760_000_040 * US // (60 * US) * (60 * US)


@pytest.fixture
def network():
    """Sixty stations just switched on, with a fault list to fill; a long visit begins at the port that `charging_port` names."""

    def make(*faults: Fault) -> LiveFleet:
        fleet = generate(60, seed=3)
        port, begin = charging_port(fleet), NOW + 70 * US
        visit = Visit(port, begin, begin + 10 * US, begin + 3600 * US, begin + 3660 * US, 5, 0.1, 1.0, "0A")
        live = LiveFleet(World(fleet), Moment.fresh(World(fleet), NOW), faults, placed=[visit])
        live.advance(NOW + 65 * US)
        return live

    return make


def charging_port(fleet: Fleet) -> int:
    """A DC port at a station that speaks canonically."""
    protocol = {s.station: s.protocol for s in fleet.stations}
    return next(
        i for i, p in enumerate(fleet.ports) if p.model.name == "Rapid 50" and protocol[p.station] == "canonical"
    )


def command(name: str, port: int = 1, number: str = "c1", expires_s: float = 60, **params: object) -> bytes:
    expires = (NOW + 65 * US) // 1000 + int(expires_s * 1000)
    return orjson.dumps({"id": number, "name": name, "port": port, "params": params, "expires_at": expires})


def answers(out) -> list[dict]:
    found = [orjson.loads(o.payload) for o in out if isinstance(o, Said) and o.topic.endswith("/event")]
    return [e["data"] for e in found if e["kind"] == "command_result"]


def station_of(live: LiveFleet, protocol: str = "canonical") -> str:
    return next(s.station for s in live.world.fleet.stations if s.protocol == protocol and s.model.ports == 2)


@pytest.mark.parametrize("protocol", ["canonical", "ocpp16", "ocpp201"])
def test_trigger_status_makes_every_port_say_its_state(network, protocol):
    live = network()
    station = station_of(live, protocol)
    live.hear(station, command("trigger_status"))

    out = [o for o in live.advance(live.now + 2 * US) if o.station == station]

    assert answers(out) == [{"command": "c1", "result": "accepted"}]
    statuses = [
        o
        for o in out
        if isinstance(o, Said) and (b"StatusNotification" in o.payload or b'"kind":"status"' in o.payload)
    ]
    assert len(statuses) == 2


def test_a_command_that_is_late_is_answered_and_not_done(network):
    live = network()
    station = station_of(live)
    live.hear(station, command("hard_reset", expires_s=-5))

    out = live.advance(live.now + 20 * US)

    assert answers(out) == [{"command": "c1", "result": "expired"}]
    assert not [o for o in out if isinstance(o, Link)]


def test_a_repeated_command_is_done_once_and_answered_again(network):
    live = network()
    station = station_of(live)
    for _ in range(2):
        live.hear(station, command("soft_reset", 0))
    live.hear(station, command("soft_reset", 0))

    out = [o for o in live.advance(live.now + 20 * US) if o.station == station]

    assert [a["result"] for a in answers(out)] == ["accepted"] * 3
    assert [o.up for o in out if isinstance(o, Link)] == [False, True]


def test_a_soft_reset_restarts_an_idle_station_and_says_so(network):
    live = network()
    station = station_of(live)
    live.hear(station, command("soft_reset", 0))

    out = [o for o in live.advance(live.now + 20 * US) if o.station == station]

    boots = [orjson.loads(o.payload) for o in out if isinstance(o, Said) and b'"boot"' in o.payload]
    assert [b["data"]["reason"] for b in boots] == ["remote_reset"]


def test_a_soft_reset_is_refused_while_somebody_charges_and_a_hard_one_cuts_the_session(network):
    live = network()
    live.advance(NOW + 200 * US)
    port = charging_port(live.world.fleet)
    station = live.world.fleet.ports[port].station
    live.hear(station, command("soft_reset", 0, "a", 7200))
    live.hear(station, command("hard_reset", 0, "b", 7200))

    out = [o for o in live.advance(live.now + 20 * US) if o.station == station]

    assert [(a["command"], a["result"]) for a in answers(out)] == [("a", "rejected"), ("b", "accepted")]
    assert not live.moment.on[port]


def test_derate_lowers_what_is_offered_and_ends_by_itself(network):
    live = network()
    live.advance(NOW + 200 * US)
    port = charging_port(live.world.fleet)
    station, number = live.world.fleet.ports[port].station, live.world.fleet.ports[port].number
    before = float(live.moment.state.power[port])
    live.hear(station, command("derate", number, "a", 7200, percent=50, seconds=60))

    live.advance(live.now + 30 * US)
    derated, offered = float(live.moment.state.power[port]), float(live.moment.state.offered[port])
    live.advance(live.now + 90 * US)

    assert derated == pytest.approx(before / 2, rel=0.05)
    assert offered == pytest.approx(derated, rel=0.05)
    assert float(live.moment.state.power[port]) == pytest.approx(before, rel=0.1)


def test_the_end_of_a_first_derating_does_not_lift_the_second(network):
    live = network()
    station = station_of(live)
    port = next(i for i, p in enumerate(live.world.fleet.ports) if (p.station, p.number) == (station, 1))
    live.hear(station, command("derate", 1, "a", 7200, percent=50, seconds=60))
    live.advance(live.now + 30 * US)
    live.hear(station, command("derate", 1, "b", 7200, percent=20, seconds=300))

    live.advance(live.now + 200 * US)
    assert live.moment.state.allowed[port] == pytest.approx(0.2)
    live.advance(live.now + 110 * US)
    assert live.moment.state.allowed[port] == 1


def test_a_shorter_derating_takes_the_place_of_a_longer_one_for_good(network):
    live = network()
    station = station_of(live)
    port = next(i for i, p in enumerate(live.world.fleet.ports) if (p.station, p.number) == (station, 1))
    live.hear(station, command("derate", 1, "a", 7200, percent=50, seconds=200))
    live.hear(station, command("derate", 1, "b", 7200, percent=20, seconds=60))
    live.advance(live.now + 65 * US)
    live.hear(station, command("derate", 1, "c", 7200, percent=30, seconds=3600))

    live.advance(live.now + 180 * US)

    assert live.moment.state.allowed[port] == pytest.approx(0.3)


def test_answers_are_kept_until_an_hour_after_their_commands_expired_at_most_a_week(network):
    live = network()
    station = station_of(live)
    for i in range(20):
        live.hear(station, command("derate", 1, f"c{i}", 60, percent=50, seconds=1))
    live.hear(station, command("trigger_status", 1, "a week", 1e9))

    live.advance(live.now + 3_000 * US)
    live.hear(station, command("derate", 1, "c3", 60, percent=50, seconds=1))
    assert [a["result"] for a in answers(live.advance(live.now + 2 * US))][-1] == "accepted"
    live.advance(live.now + 700 * US)

    assert set(live.answered) == {"a week"}


def test_a_reset_mends_what_is_software_and_its_label_ends(network):
    fleet = generate(60, seed=3)
    port = next(
        p.port for p in fleet.ports if fleet.stations[fleet.station_of[fleet.index[p.port]]].protocol == "canonical"
    )
    live = network(Fault(port, "reader_dead", NOW))
    live.hear(port.rpartition("/")[0], command("soft_reset", 0))

    live.advance(live.now + 20 * US)

    (label,) = live.faults.labels()
    assert label.end is not None


def test_unavailable_and_available_change_what_a_port_says(network):
    live = network()
    station = station_of(live)
    live.hear(station, command("unavailable", 1, "a"))
    live.hear(station, command("available", 1, "b"))

    out = live.advance(live.now + 2 * US)

    events = [orjson.loads(o.payload) for o in out if isinstance(o, Said) and o.topic == f"ev/{station}/from/event"]
    assert [e["data"]["status"] for e in events if e["kind"] == "status"] == ["unavailable", "available"]


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1]", b'{"id":"x","name":"explode","port":1,"expires_at":1}'])
def test_what_is_no_command_changes_nothing(network, payload):
    live = network()
    live.hear(station_of(live), payload)

    assert answers(live.advance(live.now + 2 * US)) == []


def test_a_command_for_a_port_that_is_not_there_is_rejected(network):
    live = network()
    live.hear(station_of(live), command("unlock", 9))

    assert [a["result"] for a in answers(live.advance(live.now + 2 * US))] == ["rejected"]


@pytest.mark.parametrize(
    "params", [{"percent": -1}, {"percent": "half"}, {"seconds": 0}, {"seconds": 1e30}, {"percent": None}]
)
def test_a_derating_that_makes_no_sense_is_rejected(network, params):
    live = network()
    live.hear(station_of(live), command("derate", 1, **params))

    assert [a["result"] for a in answers(live.advance(live.now + 2 * US))] == ["rejected"]
    assert (live.moment.state.allowed == 1).all()
