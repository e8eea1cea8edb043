import json
import threading
import time
from collections import Counter

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import SecretStr

from connectors.mqtt import MqttSettings, MqttUnreachableError
from simulator.arrivals import Visit
from simulator.faults import Fault
from simulator.ledger import Ledger, payload_hash, read, read_labels
from simulator.ports import US
from simulator.run import run_live, world_of
from simulator.settings import SimulatorSettings
from simulator.wire import Wires
from simulator.world import Moment

pytestmark = pytest.mark.integration


class Ear:
    """Hears everything below ev/ and can speak."""

    def __init__(self, mqtt: MqttSettings, until) -> None:
        self.until = until
        self.heard: list[tuple[str, bytes, str | None]] = []
        self.ready = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        if mqtt.user:
            self.client.username_pw_set(mqtt.user, mqtt.password.get_secret_value() if mqtt.password else None)
        self.client.on_message = self._take
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.connect(mqtt.host, mqtt.port)
        self.client.subscribe("ev/#", 1)
        self.client.loop_start()
        assert self.ready.wait(60)

    def _take(self, _client, _userdata, message) -> None:
        properties = dict(getattr(message.properties, "UserProperty", []))
        if not message.retain:
            self.heard.append((message.topic, message.payload, properties.get("at")))

    def kinds(self) -> Counter:
        """How many messages of each kind came."""
        return Counter(topic.split("/", 2)[2] for topic, _, _ in list(self.heard))

    def digests(self) -> Counter:
        """What came, as the ledger names it."""
        return Counter((topic, payload_hash(payload)) for topic, payload, _ in list(self.heard))

    def wait(self, wanted) -> None:
        self.until(lambda: any(wanted(*h) for h in list(self.heard)), self.kinds)

    def wait_for_all_of(self, ledger) -> None:
        """Wait until everything that the ledger calls acknowledged has come: the broker tells the speaker before it tells others."""
        said = {entry.digest for entry in read(ledger) if entry.acknowledged}
        self.until(lambda: said <= set(self.digests()), lambda: said - set(self.digests()))

    def close(self) -> None:
        self.client.loop_stop()
        self.client.disconnect()


@pytest.fixture
def mqtt(services, mqtt_client_id) -> MqttSettings:
    there = services.mqtt
    password = SecretStr(there.password) if there.password else None
    return MqttSettings(
        host=there.host, port=there.port, user=there.username, password=password, client_id=mqtt_client_id
    )


@pytest.fixture
def ear(mqtt, until):
    made = Ear(mqtt, until)
    yield made
    made.close()


def network(tmp_path, **more):
    settings = SimulatorSettings(
        seed=11, stations=10, heartbeat_s=4, charging_s=1, idle_s=3, ledger=tmp_path / "ledger.jsonl",
        state=tmp_path / "state.npz", **more,
    )  # fmt: skip
    return settings, world_of(settings)


def start(world) -> Moment:
    """A network that was switched on a minute and a half ago."""
    return Moment.fresh(world, (time.time_ns() // 1000 - 95 * US) // (60 * US) * (60 * US))


def charging(world, protocol: str, now_us: int) -> Visit:
    station = next(s for s in world.fleet.stations if s.protocol == protocol and s.model.ports > 1)
    port = world.fleet.ports_of(station.station)[0]
    return Visit(port, now_us, now_us + 1 * US, now_us + 60 * US, now_us + 90 * US, 5, 0.2, 1.0, "0A")


@pytest.mark.parametrize("connections", ["station", "shared"])
def test_what_the_ledger_calls_acknowledged_was_heard_and_what_was_heard_is_in_the_ledger(
    mqtt, ear, tmp_path, connections
):
    settings, world = network(tmp_path, connections=connections, publish_time=True)
    now = time.time_ns() // 1000
    visits = [charging(world, protocol, now) for protocol in ("canonical", "ocpp16", "ocpp201")]
    kinds = {
        "from/reading", "from/event", "from/heartbeat", "from/ocpp16", "to/ocpp16", "from/ocpp201", "to/ocpp201",
    }  # fmt: skip

    def enough():
        return kinds <= set(ear.kinds()) and len(ear.heard) > 100

    report = run_live(settings, mqtt, world=world, moment=start(world), placed=visits, seconds=60, stop=enough)
    ear.wait_for_all_of(settings.ledger)

    entries = list(read(settings.ledger))
    heard = ear.digests()
    acknowledged = [e for e in entries if e.acknowledged]

    assert report.unacknowledged == 0
    assert len(acknowledged) > 50
    assert all(heard[e.digest] for e in acknowledged)
    assert set(heard) <= {e.digest for e in entries}
    assert set(ear.kinds()) >= kinds
    assert all(at is not None and abs(int(at) - now) < 200 * US for _, _, at in ear.heard)


def test_answers_of_the_back_office_come_after_their_calls(mqtt, ear, tmp_path):
    settings, world = network(tmp_path)
    now = time.time_ns() // 1000
    visits = [charging(world, "ocpp16", now)]
    run_live(
        settings, mqtt, world=world, moment=start(world), placed=visits, seconds=60,
        stop=lambda: ear.kinds()["to/ocpp16"] > 4,
    )  # fmt: skip
    ear.wait_for_all_of(settings.ledger)

    called: set[tuple[str, str]] = set()
    answered = 0
    for topic, payload, _ in ear.heard:
        _, station, direction, kind = topic.split("/")
        if kind == "ocpp16":
            frame = json.loads(payload)
            if direction == "from":
                called.add((station, frame[1]))
            else:
                assert (station, frame[1]) in called
                answered += 1
    assert answered > 2


def test_a_silent_station_is_told_by_its_last_will_and_comes_back(mqtt, ear, tmp_path):
    settings, world = network(tmp_path)
    station = next(s.station for s in world.fleet.stations if s.protocol == "canonical")
    now = time.time_ns() // 1000
    fault = Fault(f"{station}/1", "silent", now + 6 * US, now + 10 * US)

    def links():
        return [json.loads(p)["connected"] for t, p, _ in list(ear.heard) if t == f"ev/{station}/from/connection"]

    run_live(
        settings, mqtt, world=world, moment=start(world), faults=[fault], seconds=60, stop=lambda: len(links()) == 2
    )
    ear.wait_for_all_of(settings.ledger)

    others = [t for t, p, _ in ear.heard if t.endswith("/connection") and not t.startswith(f"ev/{station}/")]
    assert links() == [False, True]
    assert others == []
    assert [label.fault for label in read_labels(settings.ledger)] == ["communication"]


def test_a_command_is_heard_executed_and_answered(mqtt, ear, tmp_path):
    settings, world = network(tmp_path)
    station = next(s.station for s in world.fleet.stations if s.protocol == "canonical")
    stop = threading.Event()
    running = threading.Thread(
        target=run_live, args=(settings, mqtt), kwargs={"world": world, "moment": start(world), "stop": stop.is_set}
    )
    running.start()
    try:
        ear.wait(lambda topic, payload, at: topic.startswith(f"ev/{station}/from/"))
        expires = int(time.time() * 1000) + 20_000
        body = {"id": "cmd-1", "name": "trigger_status", "port": 0, "expires_at": expires}
        ear.client.publish(f"ev/{station}/to/command", json.dumps(body), 1)
        ear.wait(lambda topic, payload, at: b"cmd-1" in payload and b"command_result" in payload)
    finally:
        stop.set()
        running.join(60)

    answer = next(json.loads(p) for t, p, _ in ear.heard if b"command_result" in p)
    assert answer["data"] == {"command": "cmd-1", "result": "accepted"}
    assert settings.state.exists()


def test_a_broker_that_is_not_there_is_named(tmp_path):
    settings, _ = network(tmp_path, connections="shared")
    nowhere = MqttSettings(host="127.0.0.1", port=1, client_id="nowhere")

    with Ledger(settings.ledger) as ledger:
        wires = Wires(settings, nowhere, ["S1"], lambda station, payload: None, ledger)
        with pytest.raises(MqttUnreachableError, match="did not come up within 1 s"):
            wires.open(1.0)
        wires.close()
