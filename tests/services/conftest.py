"""Providers by name, and MQTT clients for the tests of brokers."""

import os
import threading

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from chargewell.services import ServiceSettings, providers

PATIENCE_S = 60.0
"""Ends a test that is broken; no measure of speed."""


class Client:
    """A paho client that collects what it receives and how its subscriptions and publications were answered."""

    def __init__(self, endpoint, login, password, *, protocol=mqtt.MQTTv5, client_id="", clean=True, will=None):
        extra = {} if protocol == mqtt.MQTTv5 else {"clean_session": clean}
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol, **extra)
        if login is not None:
            self.client.username_pw_set(login, password)
        if endpoint.ca_file is not None:
            self.client.tls_set(ca_certs=str(endpoint.ca_file))
        if will is not None:
            self.client.will_set(will, b"gone", qos=1)
        self.connected, self.heard, self.granted, self.changed = None, [], {}, threading.Condition()
        self.acknowledged, self.losses = set(), 0
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self._note("connected", reason)
        self.client.on_message = lambda _c, _u, message: self._hear(message)
        self.client.on_subscribe = lambda _c, _u, mid, reasons, _p: self._grant(mid, reasons)
        self.client.on_publish = lambda _c, _u, mid, _r, _p: self._acknowledge(mid)
        self.client.on_disconnect = lambda *_: self._lose()
        self.client.connect(endpoint.host, endpoint.port)
        self.client.loop_start()
        assert self.wait(lambda: self.connected is not None), "no CONNACK"

    def _note(self, name, value):
        with self.changed:
            setattr(self, name, value)
            self.changed.notify_all()

    def _hear(self, message):
        with self.changed:
            self.heard.append((message.topic, message.payload))
            self.changed.notify_all()

    def _grant(self, mid, reasons):
        with self.changed:
            self.granted[mid] = not reasons[0].is_failure
            self.changed.notify_all()

    def _acknowledge(self, mid):
        with self.changed:
            self.acknowledged.add(mid)
            self.changed.notify_all()

    def _lose(self):
        with self.changed:
            self.losses += 1
            self.changed.notify_all()

    def wait(self, condition):
        with self.changed:
            return self.changed.wait_for(condition, PATIENCE_S)

    def subscribe(self, topic):
        """Whether the broker granted it."""
        _, mid = self.client.subscribe(topic, qos=1)
        assert self.wait(lambda: mid in self.granted), f"no SUBACK for {topic}"
        return self.granted[mid]

    def publish(self, topic, payload, *, retain=False):
        """Whether the broker acknowledged it (a refused one may be acknowledged, or answered by a disconnect)."""
        before, mid = self.losses, self.client.publish(topic, payload, qos=1, retain=retain).mid
        assert self.wait(lambda: mid in self.acknowledged or self.losses > before), f"no answer to a message on {topic}"
        return mid in self.acknowledged

    def vanish(self):
        """Lose the connection without a word."""
        self.client.loop_stop()
        self.client.socket().close()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def connect():
    """Make clients that are closed at the end of the test: `connect(endpoint, login, password, **options)`."""
    made = []

    def make(endpoint, login=None, password=None, **options):
        made.append(Client(endpoint, login, password, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture(scope="session")
def provider_named():
    """A provider by kind and name; the test is skipped (or fails, where services are required) if it cannot start."""

    def get(kind, name, settings=None):
        one = next(one for one in providers(settings or ServiceSettings(), kind) if one.name == name)
        able = one.available()
        if not able.ok:
            (pytest.fail if os.environ.get("CHARGEWELL_REQUIRE_SERVICES") == "1" else pytest.skip)(able.reason)
        return one

    return get
