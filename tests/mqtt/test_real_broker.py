"""Against the run's broker, in both versions."""

import threading
import time
from contextlib import suppress

import pytest

from connectors.mqtt import MqttTimeoutError, MqttUnreachableError, Publisher, Will

pytestmark = pytest.mark.integration


def payloads(listener):
    return [m.payload for m in listener.messages]


def test_messages_come_in_order_and_acknowledgements_tell_the_tags(mqtt, listen, mqtt_prefix, in_order):
    listener = listen(mqtt, (f"{mqtt_prefix}/#",), f"l-{mqtt_prefix}").wait_subscribed()
    told = []
    with Publisher(mqtt, client_id=f"p-{mqtt_prefix}", on_acknowledged=told.append, in_flight=20) as publisher:
        for i in range(500):
            publisher.publish(f"{mqtt_prefix}/x", b"%d" % i, tag=i)
        publisher.flush()

    listener.wait(lambda: len(listener.messages) == 500)
    in_order(payloads(listener), [b"%d" % i for i in range(500)])
    in_order(told, list(range(500)))


def test_the_publishers_time_travels_with_mqtt_5_only(mqtt, listen, mqtt_prefix):
    listener = listen(mqtt, (f"{mqtt_prefix}/#",), f"l-{mqtt_prefix}").wait_subscribed()
    with Publisher(mqtt, client_id=f"p-{mqtt_prefix}") as publisher:
        publisher.publish(f"{mqtt_prefix}/x", b"x", at_us=1_732_176_000_123_456)
        publisher.flush()

    (message,) = listener.wait(lambda: listener.messages).messages
    found = getattr(message.properties, "UserProperty", None)
    assert found == ([("at", "1732176000123456")] if mqtt.protocol == "5" else None)


def test_what_was_not_acknowledged_comes_again_to_the_next_life_of_the_session(mqtt, listen, mqtt_prefix, tells_dup):
    name = f"l-{mqtt_prefix}"
    watching = listen(mqtt, (f"gone-{mqtt_prefix}",), f"w-{mqtt_prefix}").wait_subscribed()
    first = listen(mqtt, (f"{mqtt_prefix}/#",), name, persistent=True, will=Will(f"gone-{mqtt_prefix}", b""))
    first.acknowledge = False
    first.wait_subscribed()
    with Publisher(mqtt, client_id=f"p-{mqtt_prefix}") as publisher:
        publisher.publish(f"{mqtt_prefix}/x", b"1")
        first.wait(lambda: first.messages)
        first.stop(kill=True)
        if (
            tells_dup
        ):  # else it does not matter whether the broker knows that nobody is there: the will says that it does
            watching.wait(lambda: watching.messages)
        publisher.publish(f"{mqtt_prefix}/x", b"2")
        publisher.flush()
    second = listen(mqtt, (f"{mqtt_prefix}/#",), name, persistent=True)
    second.wait(lambda: len(second.messages) == 2)

    assert second.connects == [True]
    assert [(m.payload, m.dup) for m in second.messages] == [(b"1", tells_dup), (b"2", False)]


def test_a_retained_message_is_marked_and_with_mqtt_5_not_repeated_to_a_kept_session(mqtt, listen, mqtt_prefix):
    name = f"l-{mqtt_prefix}"
    with Publisher(mqtt, client_id=f"p-{mqtt_prefix}") as publisher:
        publisher.publish(f"{mqtt_prefix}/state", b"up", retain=True)
        publisher.flush()
        first = listen(mqtt, (f"{mqtt_prefix}/#",), name, persistent=True)
        first.wait(lambda: first.messages)
        publisher.publish(f"{mqtt_prefix}/state", b"live")
        first.wait(lambda: len(first.messages) == 2)
        first.stop()
        second = listen(mqtt, (f"{mqtt_prefix}/#",), name, persistent=True).wait_subscribed()
        publisher.publish(f"{mqtt_prefix}/mark", b"what is retained came before")
        publisher.flush()
        wanted = 1 if mqtt.protocol == "5" else 2
        second.wait(lambda: len(second.messages) >= wanted)
        publisher.publish(f"{mqtt_prefix}/state", b"", retain=True)
        publisher.flush()

    assert [(m.payload, m.retain) for m in first.messages] == [(b"up", True), (b"live", False)]
    again = [m.payload for m in second.messages if m.retain]
    assert again == ([] if mqtt.protocol == "5" else [b"up"])


def test_a_connection_that_is_not_read_stays_up_far_beyond_the_keepalive(mqtt, listen, mqtt_prefix, in_order):
    keepalive_s, asked = 3, []
    brief = mqtt.model_copy(update={"keepalive_s": keepalive_s})
    listener = listen(brief, (f"{mqtt_prefix}/#",), f"l-{mqtt_prefix}", persistent=True).wait_subscribed()
    listener.may_read = lambda: asked.append(True)
    listener.wait(lambda: asked)  # from here on it reads nothing
    with Publisher(mqtt, client_id=f"p-{mqtt_prefix}") as publisher:
        for i in range(3_000):
            publisher.publish(f"{mqtt_prefix}/x", b"%d" % i + bytes(500))
        publisher.flush()
        time.sleep(2 * keepalive_s)  # a broker hangs up after one and a half
        before = len(listener.messages)
        listener.may_read = lambda: True
        listener.wait(lambda: len(listener.messages) == 3_000)

    assert before == 0
    assert listener.connects == [False]
    in_order([m.payload.rstrip(b"\0") for m in listener.messages], [b"%d" % i for i in range(3_000)])


def test_the_will_is_said_when_the_publisher_vanishes_and_not_when_it_says_goodbye(mqtt, listen, mqtt_prefix):
    listener = listen(mqtt, (f"{mqtt_prefix}/#",), f"l-{mqtt_prefix}").wait_subscribed()
    for vanish in (False, True):
        will = Will(f"{mqtt_prefix}/will", b"%d" % vanish)
        publisher = Publisher(mqtt, client_id=f"p-{mqtt_prefix}", will=will)
        publisher.wait_connected()
        publisher.close(vanish=vanish)

    listener.wait(lambda: listener.messages)
    assert payloads(listener) == [b"1"]


def test_a_publisher_sends_again_what_a_broken_connection_left_unacknowledged(mqtt, listen, mqtt_prefix, in_order):
    listener = listen(mqtt, (f"{mqtt_prefix}/#",), f"l-{mqtt_prefix}").wait_subscribed()
    with Publisher(mqtt, client_id=f"p-{mqtt_prefix}", in_flight=50) as publisher:
        breaking = threading.Thread(target=_break, args=(publisher,))
        breaking.start()
        for i in range(2_000):
            publisher.publish(f"{mqtt_prefix}/x", b"%d" % i)
            time.sleep(0.0005)
        publisher.flush()
        breaking.join()

    listener.wait(lambda: len(set(payloads(listener))) == 2_000)
    first_seen = list(dict.fromkeys(payloads(listener)))
    in_order(first_seen, [b"%d" % i for i in range(2_000)])


def _break(publisher):
    for _ in range(3):
        time.sleep(0.2)
        sock = publisher._connection.client.buffered
        with suppress(OSError):  # it is just being made anew
            sock._sock.shutdown(2)


def test_two_clients_of_one_id_do_not_spin(mqtt, listen, mqtt_prefix):
    began = time.monotonic()
    one = listen(mqtt, (), f"same-{mqtt_prefix}")
    two = listen(mqtt, (), f"same-{mqtt_prefix}")
    one.wait(lambda: one.losses + two.losses >= 10)

    shortest_pause_s = mqtt.reconnect_max_s / 2
    assert time.monotonic() - began > (10 / 2 - 1) * shortest_pause_s


def test_a_topic_with_wildcards_is_no_topic_to_publish_on(mqtt, mqtt_prefix):
    with Publisher(mqtt, client_id=f"p-{mqtt_prefix}") as publisher:
        for topic in ("", "ev/+/from/x", "ev/#"):
            with pytest.raises(ValueError, match="is not a topic to publish on"):
                publisher.publish(topic, b"x")


def test_a_broker_that_does_not_answer_is_named_with_the_settings(mqtt, unique):
    with Publisher(mqtt.model_copy(update={"port": 1}), client_id=unique) as publisher:
        with pytest.raises(MqttUnreachableError, match=r"127\.0\.0\.1:1 did not answer within 0\.2 s.*mqtt\.port"):
            publisher.wait_connected(0.2)
        with pytest.raises(MqttUnreachableError):
            publisher.publish("a/b", b"x", timeout_s=0.1)


def test_messages_that_nobody_acknowledges_fill_the_window_and_no_more(odd_broker, unique, mqtt):
    def accept_only(broker, peer):
        peer.sendall(bytes([0x20, 3, 0, 0, 0] if mqtt.protocol == "5" else [0x20, 2, 0, 0]))
        while not broker.ended:
            time.sleep(0.02)

    at = mqtt.model_copy(update={"port": odd_broker(accept_only).port, "keepalive_s": 60})
    with Publisher(at, client_id=unique, in_flight=3) as publisher:
        for i in range(3):
            publisher.publish("a/b", b"%d" % i)
        with pytest.raises(MqttTimeoutError, match="did not acknowledge 3 messages within"):
            publisher.publish("a/b", b"3", timeout_s=0.2)
        with pytest.raises(MqttTimeoutError):
            publisher.flush(0.1)
        assert publisher.unacknowledged == 3
