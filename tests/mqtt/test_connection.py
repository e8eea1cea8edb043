"""One connection through refusals, silence and broken lines."""

import socket

import pytest

from connectors.mqtt import MqttRefusedError, MqttSettings

ACCEPTED_5 = bytes([0x20, 3, 0, 0, 0])
ACCEPTED_311 = bytes([0x20, 2, 0, 0])


def answer(data):
    """A script: say `data`, then listen until the peer or the broker ends it."""

    def script(broker, peer):
        peer.sendall(data)
        stay(broker, peer)

    return script


def stay(broker, peer):
    peer.settimeout(0.05)
    while not broker.ended:
        try:
            if not peer.recv(4_096):
                return
        except TimeoutError:
            continue
        except OSError:
            return


def hang_up(broker, peer):
    """A script: end the connection without a word."""


def versions(broker):
    """The protocol level of each CONNECT that came: 5, or 4 for 3.1.1."""
    return [connect[connect.index(b"MQTT") + 4] for connect in broker.connects]


def settings(broker, **changed):
    return MqttSettings(host="127.0.0.1", port=broker.port, reconnect_max_s=0.2, **{"connect_timeout_s": 30} | changed)


@pytest.mark.parametrize("refusal", [bytes([0x20, 2, 0, 1]), bytes([0x20, 3, 0, 0x84, 0])], ids=["as 3.1.1", "as 5"])
def test_a_broker_that_refuses_mqtt_5_is_spoken_to_in_3_1_1(odd_broker, listen, refusal):
    broker = odd_broker(answer(refusal), answer(ACCEPTED_311))
    listen(settings(broker)).wait(lambda: broker.connects[1:])

    assert versions(broker) == [5, 4]


def test_a_broker_that_hangs_up_on_mqtt_5_twice_is_spoken_to_in_3_1_1(odd_broker, listen):
    broker = odd_broker(hang_up, hang_up, answer(ACCEPTED_311))
    listener = listen(settings(broker)).wait(lambda: broker.connects[2:])
    listener.wait(lambda: listener.connects)

    assert versions(broker) == [5, 5, 4]


def test_the_version_that_worked_is_kept_through_broken_connections(odd_broker, listen):
    def accept_and_drop(broker, peer):
        peer.sendall(ACCEPTED_5)

    broker = odd_broker(accept_and_drop, hang_up, hang_up, hang_up, answer(ACCEPTED_5))
    listener = listen(settings(broker))
    listener.wait(lambda: len(listener.connects) == 2)

    assert versions(broker) == [5] * 5
    assert listener.losses == 1


def test_a_set_version_is_not_changed_and_its_refusal_names_the_setting(odd_broker, listen):
    broker = odd_broker(answer(bytes([0x20, 3, 0, 0x84, 0])))

    with pytest.raises(MqttRefusedError, match=r"does not speak MQTT 5 \(setting mqtt\.protocol\)"):
        listen(settings(broker, protocol="5")).wait()


@pytest.mark.parametrize(
    ("protocol", "refusal", "said"),
    [
        ("5", bytes([0x20, 3, 0, 0x86, 0]), r"wrong login or password \(settings mqtt.user and mqtt.password\)"),
        ("3.1.1", bytes([0x20, 2, 0, 4]), r"wrong login or password \(settings mqtt.user and mqtt.password\)"),
        ("5", bytes([0x20, 3, 0, 0x87, 0]), r"the login 'me' may not connect \(settings mqtt.user"),
        ("3.1.1", bytes([0x20, 2, 0, 5]), r"the login 'me' may not connect \(settings mqtt.user"),
        ("5", bytes([0x20, 3, 0, 0x85, 0]), r"the client id 'listener' is not accepted \(setting mqtt.client_id\)"),
    ],
)
def test_a_refused_login_names_broker_reason_and_setting(odd_broker, listen, protocol, refusal, said):
    broker = odd_broker(answer(refusal))

    with pytest.raises(MqttRefusedError, match=rf"127.0.0.1:{broker.port} refuses: {said}"):
        listen(settings(broker, protocol=protocol, user="me", password="x")).wait()


def test_a_login_refused_after_it_once_worked_is_tried_again(odd_broker, listen):
    def accept_and_drop(broker, peer):
        peer.sendall(ACCEPTED_311)

    broker = odd_broker(accept_and_drop, answer(bytes([0x20, 2, 0, 5])), answer(ACCEPTED_311))
    listener = listen(settings(broker, protocol="3.1.1"))

    listener.wait(lambda: len(listener.connects) == 2)


def test_a_broker_that_is_busy_is_asked_again(odd_broker, listen):
    broker = odd_broker(answer(bytes([0x20, 3, 0, 0x88, 0])), answer(ACCEPTED_5))
    listener = listen(settings(broker))

    listener.wait(lambda: listener.connects)
    assert versions(broker) == [5, 5]


def test_a_broker_that_never_answers_is_hung_up_on_and_asked_again(odd_broker, listen):
    broker = odd_broker(stay, answer(ACCEPTED_5))
    listener = listen(settings(broker, connect_timeout_s=0.5))

    listener.wait(lambda: listener.connects)


def test_a_port_where_nobody_listens_is_tried_until_somebody_does(listen, odd_broker):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        listener = listen(MqttSettings(host="127.0.0.1", port=port, reconnect_max_s=0.2))
        listener.wait(lambda: listener.connection._attempts >= 2)
        assert not listener.connection.ever_connected

    odd_broker(answer(ACCEPTED_5), port=port)
    listener.wait(lambda: listener.connects)


def test_a_silent_broker_is_pinged_and_then_given_up(odd_broker, listen):
    heard = []

    def accept_and_listen(broker, peer):
        peer.sendall(ACCEPTED_5)
        peer.settimeout(0.05)
        while not broker.ended:
            try:
                data = peer.recv(4_096)
            except TimeoutError:
                continue
            if not data:
                return
            heard.append(data)

    broker = odd_broker(accept_and_listen)
    listener = listen(settings(broker, keepalive_s=2))
    listener.wait(lambda: listener.losses)

    assert b"\xc0\x00" in b"".join(heard)


def test_a_refused_subscription_names_the_filter_and_the_setting(odd_broker, listen):
    def refuse_the_second(broker, peer):
        peer.sendall(ACCEPTED_5)
        peer.recv(4_096)
        peer.sendall(bytes([0x90, 5, 0, 1, 0, 1, 0x87]))
        stay(broker, peer)

    broker = odd_broker(refuse_the_second)
    filters = ("ev/+/from/#", "ev/+/to/#")

    with pytest.raises(MqttRefusedError, match=r"does not let an anonymous client read ev/\+/to/#: .*mqtt\.filters"):
        listen(settings(broker, filters=filters), filters).wait()
