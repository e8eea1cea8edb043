"""A broker of a few lines that misbehaves on cue, listeners, and settings for the run's real broker."""

import os
import select
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from chargewell.services import ServiceSettings, choose
from connectors.mqtt import Connection, MqttSettings


class Listener:
    """Drives a connection on a thread of its own and keeps what came."""

    def __init__(self, until, settings, filters, client_id, *, persistent=False, will=None):
        self.until = until
        self.messages, self.connects, self.losses, self.acknowledge = [], [], 0, True
        self.may_read = lambda: True
        self.filters = filters
        self.error = None
        self.stopped = False
        self.connection = Connection(settings, self, client_id=client_id, persistent=persistent, will=will)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            while not self.stopped:
                self.connection.step(0.02, lambda: self.may_read())
        except Exception as error:  # noqa: BLE001 - raised where the test waits
            self.error = error

    def on_connected(self, session_present, receive_maximum):
        self.connects.append(session_present)
        if self.filters:
            self.connection.subscribe(self.filters, session_present=session_present)

    def on_lost(self):
        self.losses += 1

    def on_message(self, message):
        self.messages.append(message)
        if self.acknowledge and message.qos:
            self.connection.acknowledge([message.mid])

    def on_published(self, mid):
        pass

    def wait(self, done=lambda: False):
        """Wait until `done()`; what ended the thread is raised."""

        def come_about():
            if self.error is not None:
                raise self.error
            return done()

        self.until(come_about, lambda: f"{self.messages[-5:]=} {self.connects=} {self.losses=}")
        return self

    def wait_subscribed(self):
        """Wait until the broker has granted the subscription: what is said from then on is heard."""
        return self.wait(lambda: self.connection.subscribed)

    def stop(self, *, kill=False):
        """End the thread; `kill` leaves the broker without a word, as kill -9 would."""
        self.stopped = True
        self.thread.join()
        if kill:
            self.connection.client.hang_up()
        self.connection.close()


@pytest.fixture
def listen(until) -> Iterator[Callable[..., Listener]]:
    """`listen(settings, filters, client_id, persistent=False, will=None)`; stopped after the test."""
    made: list[Listener] = []

    def make(settings, filters=(), client_id="listener", **how):
        made.append(Listener(until, settings, filters, client_id, **how))
        return made[-1]

    yield make
    for listener in made:
        if listener.thread.is_alive() or not listener.stopped:
            listener.stop()


class OddBroker:
    """Accepts one connection after the other and gives each to the next of `scripts`, the last one for ever."""

    def __init__(self, scripts, port):
        self.scripts = scripts
        self.connects = []
        self.listening = socket.create_server(("127.0.0.1", port))
        self.port = self.listening.getsockname()[1]
        self.ended = False
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while not self.ended:
            if not select.select([self.listening], [], [], 0.05)[0]:
                continue
            peer, _ = self.listening.accept()
            with peer:
                peer.settimeout(60)
                connect = peer.recv(4_096)
                self.connects.append(connect)
                script = self.scripts[min(len(self.connects), len(self.scripts)) - 1]
                script(self, peer)

    def close(self):
        self.ended = True
        self.thread.join()
        self.listening.close()


@pytest.fixture
def odd_broker() -> Iterator[Callable[..., OddBroker]]:
    """`odd_broker(script, ..., port=0)`: each script is `(broker, socket) -> None` and gets one connection after its CONNECT."""
    made: list[OddBroker] = []

    def make(*scripts, port=0):
        made.append(OddBroker(scripts, port))
        return made[-1]

    yield make
    for broker in made:
        broker.close()


@pytest.fixture
def tells_dup(services) -> bool:
    """Whether the run's broker sets the flag `dup` on what it sends again (Artemis does not)."""
    wanted = ServiceSettings().forced(os.environ.get("CHARGEWELL_TEST_SERVICES", "auto"))
    return choose("mqtt", wanted).provider.name != "artemis"


@pytest.fixture(params=["5", "3.1.1"])
def mqtt(request, services) -> MqttSettings:
    """The run's broker, spoken to in either version."""
    at = services.mqtt
    return MqttSettings(host=at.host, port=at.port, protocol=request.param, reconnect_max_s=0.3)
