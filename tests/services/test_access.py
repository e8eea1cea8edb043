"""Who may do what at a broker that we start: the same rules hold at every one of them."""

import pytest
from pydantic import ValidationError

from chargewell.services import MqttAccess, ServiceError, ServiceSettings, providers

USERS = {"bridge": "b", "control": "c", "ST-1": "one", "ST.2": "two", "depot": "d"}
ACCESS = MqttAccess(users=USERS, aggregators=frozenset({"depot"}))
BROKERS = [one.name for one in providers(ServiceSettings(), "mqtt") if one.origin != "given"]


@pytest.fixture(scope="module", params=BROKERS)
def broker(request, tmp_path_factory, provider_named):
    settings = ServiceSettings(mqtt={"access": ACCESS})
    running = provider_named("mqtt", request.param, settings).start(tmp_path_factory.mktemp("broker"))
    yield running.endpoint
    running.stop()


@pytest.fixture
def heard_by_bridge(broker, connect):
    """Publish as somebody; whether the bridge, which may read everything under ev/, hears it."""

    def say(login, topic):
        bridge = connect(broker, "bridge", USERS["bridge"])
        assert bridge.subscribe("ev/#")
        connect(broker, login, USERS[login]).publish(topic, topic.encode())
        depot = connect(broker, "depot", USERS["depot"])
        assert depot.publish("ev/mark/from/event", b"mark")
        assert bridge.wait(lambda: ("ev/mark/from/event", b"mark") in bridge.heard)
        return (topic, topic.encode()) in bridge.heard

    return say


pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("login", "topic"),
    [
        ("ST-1", "ev/ST-1/from/reading"),
        ("ST.2", "ev/ST.2/from/ocpp16"),
        ("control", "ev/ST-1/to/command"),
        ("control", "ev/ST.2/to/command"),
        ("control", "ev/NEW/to/command"),
        ("depot", "ev/ST-1/from/reading"),
        ("depot", "ev/NEW/from/reading"),
    ],
)
def test_a_login_may_say_what_is_its_own(heard_by_bridge, login, topic):
    assert heard_by_bridge(login, topic)


@pytest.mark.parametrize(
    ("login", "topic"),
    [
        ("ST-1", "ev/ST.2/from/reading"),
        ("ST-1", "ev/ST-1/to/command"),
        ("ST-1", "ev/ST.2/to/command"),
        ("depot", "ev/ST-1/to/command"),
        ("control", "ev/ST-1/from/reading"),
        ("bridge", "ev/ST-1/from/reading"),
        ("bridge", "ev/ST-1/to/command"),
    ],
)
def test_a_login_may_not_say_what_is_anothers(heard_by_bridge, login, topic):
    assert not heard_by_bridge(login, topic)


@pytest.mark.parametrize(
    ("login", "filter_"), [("ST-1", "ev/ST-1/to/#"), ("depot", "ev/+/to/#"), ("bridge", "ev/+/from/#")]
)
def test_a_login_hears_what_is_said_to_it(broker, connect, login, filter_):
    listener = connect(broker, login, USERS[login])
    assert listener.subscribe(filter_)
    speaker, topic = ("depot", "ev/ST-1/from/event") if login == "bridge" else ("control", "ev/ST-1/to/command")

    connect(broker, speaker, USERS[speaker]).publish(topic, b"hear me")

    assert listener.wait(lambda: listener.heard == [(topic, b"hear me")])


@pytest.mark.parametrize(
    ("login", "filter_"), [("ST-1", "ev/ST.2/to/#"), ("ST-1", "ev/#"), ("ST-1", "#"), ("ST-1", "ev/+/from/#")]
)
def test_a_station_does_not_hear_what_others_say(broker, connect, login, filter_):
    listener = connect(broker, login, USERS[login])
    listener.subscribe(filter_)
    assert listener.subscribe("ev/ST-1/to/#")

    assert connect(broker, "depot", USERS["depot"]).publish("ev/ST.2/from/event", b"secret")
    control = connect(broker, "control", USERS["control"])
    assert control.publish("ev/ST.2/to/command", b"secret")
    assert control.publish("ev/ST-1/to/command", b"mine")

    assert listener.wait(lambda: listener.heard)
    assert {payload for _, payload in listener.heard} == {b"mine"}


@pytest.mark.parametrize(("login", "password"), [(None, None), ("ST-1", "two"), ("nobody", "x")])
def test_nobody_enters_without_the_right_password(broker, connect, login, password):
    assert connect(broker, login, password).connected.is_failure


def test_the_last_will_of_a_station_that_vanishes_is_heard(broker, connect):
    bridge = connect(broker, "bridge", USERS["bridge"])
    assert bridge.subscribe("ev/#")
    station = connect(broker, "ST-1", USERS["ST-1"], will="ev/ST-1/from/connection")

    station.vanish()

    assert bridge.wait(lambda: ("ev/ST-1/from/connection", b"gone") in bridge.heard)


def test_a_wrong_password_in_the_settings_is_named_at_start(broker, tmp_path, provider_named):
    wrong = {"use": "given", "host": broker.host, "port": broker.port, "username": "ST-1", "password": "wrong"}

    with pytest.raises(ServiceError, match=r"refuses the login 'ST-1'.*services\.mqtt\.password"):
        provider_named("mqtt", "given", ServiceSettings(mqtt=wrong)).start(tmp_path)


@pytest.mark.parametrize("bad", [{"a b": "x"}, {"a/b": "x"}, {"+": "x"}, {"#": "x"}])
def test_a_login_that_would_widen_a_rule_is_refused(bad):
    with pytest.raises(ValidationError, match="rename it"):
        MqttAccess(users={"bridge": "b", **bad})


def test_the_bridge_needs_a_password():
    with pytest.raises(ValidationError, match="no password is given for the login 'bridge'"):
        MqttAccess(users={"ST-1": "x"})
