"""One MQTT connection, driven step by step by its owner: version, session, keepalive, back-off."""

import random
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import structlog
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from connectors.mqtt.buffered import BufferedClient
from connectors.mqtt.dialing import NAMES, SESSION_TAKEN_OVER, UNSUPPORTED_VERSION, Dialing, Will
from connectors.mqtt.errors import MqttRefusedError
from connectors.mqtt.settings import MqttSettings

log = structlog.get_logger(__name__)

PACKETS_A_STEP: Final = 500
_FIRST_PAUSE_S: Final = 0.2
_HANG_UPS: Final = 2  # this often in a row the broker hangs up without an answer before the other version is tried
_STEADY_S: Final = 5.0  # a connection that lived this long was a good one: the next pause is short again


class Owner(Protocol):
    """Who drives a connection. All are called from within `Connection.step`, on its thread; what they raise leaves `step`."""

    def on_connected(self, session_present: bool, receive_maximum: int) -> None:
        """Connected; the broker takes up to `receive_maximum` messages before it acknowledges one."""

    def on_lost(self) -> None:
        """Not connected any more. Message ids of this connection mean nothing from here on."""

    def on_message(self, message: MQTTMessage) -> None:
        """A message came (QoS 0 or 1)."""

    def on_published(self, mid: int) -> None:
        """The broker took responsibility for the message that was published under `mid`."""


class Connection:
    """A connection that keeps itself up for as long as `step` is called; not thread-safe but for `wake`.

    With protocol `auto` it tries MQTT 5 and, when the broker refuses that or hangs up on it twice, 3.1.1; what worked first
    is kept. A refusal by the broker (login, client id) is raised from `step` if there never was a connection, and otherwise
    logged and tried again, since then it is the broker that changed. Pauses between attempts double, with jitter.
    The one step that blocks is connecting, for `connect_timeout_s` at most.
    """

    def __init__(
        self,
        settings: MqttSettings,
        owner: Owner,
        *,
        client_id: str,
        persistent: bool,
        will: Will | None = None,
    ) -> None:
        self._settings, self._owner = settings, owner
        self._dialing = Dialing(settings, client_id, persistent, will)
        self.connected = False
        self.ever_connected = False
        self.subscribed = False
        """Whether the broker has granted what was subscribed to on this connection: what is said from then on is heard."""
        self.version = MQTTProtocolVersion.MQTTv311 if settings.protocol == "3.1.1" else MQTTProtocolVersion.MQTTv5
        self.client = self._make_client()
        self._error: Exception | None = None
        self._answered = False
        self._hung_up = 0
        self._attempts = 0
        self._next_attempt = 0.0
        self._since = 0.0
        self._pinged = 0.0
        self._paused = False
        self._closing = False
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)

    # -- driving ------------------------------------------------------------------------------------------------------
    def step(self, timeout_s: float, may_read: Callable[[], bool] = lambda: True) -> None:
        """Send, wait up to `timeout_s` for something to do, read up to 500 packets. Connects when it is time to.

        Stops reading as soon as `may_read()` is false; the broker is then kept content by pings alone, for hours if need be.
        """
        if self.client.buffered is None or self.client.socket() is None:
            self._connect_or_wait(timeout_s)
        else:
            self._send()
            if self._wait(timeout_s, may_read):
                self._read(may_read)
            self._send()
            self._keep_alive()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def wake(self) -> None:
        """Make a waiting `step` look again; from any thread."""
        try:
            self._wake_out.send(b"!")
        except BlockingIOError:
            return  # it is full of wishes to wake up already

    def subscribe(self, filters: tuple[str, ...], *, session_present: bool) -> None:
        """Subscribe at QoS 1; where the session was kept and the broker can (MQTT 5), retained messages are not sent again.

        `subscribed` turns true with the broker's answer.
        """
        if self.version == MQTTProtocolVersion.MQTTv5:
            handling = (
                SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
                if session_present
                else SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
            )
            options = SubscribeOptions(qos=1, retainHandling=handling)
            self.client.subscribe([(f, options) for f in filters])
        else:
            self.client.subscribe([(f, 1) for f in filters])

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Queue PUBACK for messages of this connection, in the order given; sent with the next `step`.

        Written here, all at once: two bytes of header and the message id are a PUBACK of success in both versions.
        """
        if self.connected and self.client.buffered is not None:
            self.client.buffered.send(b"".join([b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids]))

    def close(self) -> None:
        """Send what is queued and DISCONNECT; a persistent session stays with the broker."""
        self._closing = True
        if self.client.socket() is not None and self.client.buffered is not None:
            self.client.buffered.goodbye = self.connected
            self.client.disconnect()
            self._send()
        self.connected = False
        self._wake_in.close()
        self._wake_out.close()

    # -- connecting ---------------------------------------------------------------------------------------------------
    def _make_client(self) -> BufferedClient:
        client = self._dialing.client(self.version)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = lambda _client, _userdata, message: self._owner.on_message(message)
        client.on_publish = lambda _client, _userdata, mid, _reason, _properties: self._owner.on_published(mid)
        client.on_socket_register_write = _later
        return client

    def _connect_or_wait(self, timeout_s: float) -> None:
        pause = self._next_attempt - time.monotonic()
        if pause > 0:
            self._sleep(min(pause, timeout_s))
            return
        self._attempts += 1
        self._answered = False
        try:
            if self.ever_connected:
                self.client.reconnect()
            else:
                self.client = self._make_client()
                self._dialing.connect(self.client, self.version)
        except ssl.SSLCertVerificationError as error:
            self._refuse(f"its certificate is not trusted: {error.verify_message} (settings mqtt.ca and mqtt.host)")
        except OSError as error:
            self._pause(f"{type(error).__name__}: {error}")
        else:
            self._since = self._pinged = time.monotonic()
            self._send()

    def _pause(self, reason: str) -> None:
        """Try again later: 0.2 s, doubling, with jitter so that a fleet does not come back as one."""
        longest = min(self._settings.reconnect_max_s, _FIRST_PAUSE_S * 2 ** min(self._attempts, 16))
        pause = random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
        self._next_attempt = time.monotonic() + pause
        log.warning("mqtt: no connection", broker=self._settings.shown, reason=reason, again_in_s=round(pause, 1))

    def _refuse(self, why: str) -> None:
        text = f"the MQTT broker {self._settings.shown} refuses: {why}"
        if self.ever_connected:
            log.error(text)
            self._pause(why)
        else:
            self._error = MqttRefusedError(text)

    # -- paho's callbacks ---------------------------------------------------------------------------------------------
    def _on_connect(
        self, _client: Any, _userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._answered = True
        if not reason.is_failure:
            self.connected = self.ever_connected = True
            self._since = time.monotonic()
            maximum = getattr(properties, "ReceiveMaximum", 65_535)
            log.info(
                "mqtt: connected", broker=self._settings.shown, mqtt=NAMES[self.version], session=flags.session_present
            )
            self._owner.on_connected(flags.session_present, maximum)
        elif reason.value == UNSUPPORTED_VERSION and self._change_version():
            log.info("mqtt: the broker refuses this version, trying the other", mqtt=str(reason))
        elif why := self._dialing.refusal(reason, self.version):
            self._refuse(why)
        else:
            log.warning("mqtt: the broker refuses for now", broker=self._settings.shown, reason=str(reason))

    def _on_disconnect(
        self, _client: Any, _userdata: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        was, self.connected = self.connected, False
        self.subscribed = False
        if self._closing:
            return
        if was:
            if time.monotonic() - self._since >= _STEADY_S:
                self._attempts = 0
            self._owner.on_lost()
        elif not self._answered:
            self._hung_up += 1
            if self._hung_up % _HANG_UPS == 0:
                self._change_version()
        self._pause(f"{reason}{_TAKEN_OVER if reason.value == SESSION_TAKEN_OVER else ''}")

    def _change_version(self) -> bool:
        """Turn to the other version, where settings leave the choice and none has worked yet."""
        if self._settings.protocol != "auto" or self.ever_connected:
            return False
        five = self.version == MQTTProtocolVersion.MQTTv5
        self.version = MQTTProtocolVersion.MQTTv311 if five else MQTTProtocolVersion.MQTTv5
        return True

    def _on_subscribe(
        self, _client: Any, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self.subscribed = not any(reason.is_failure for reason in reasons)
        for topic_filter, reason in zip(self._settings.filters, reasons, strict=False):
            if reason.is_failure:
                self._error = MqttRefusedError(
                    f"the MQTT broker {self._settings.shown} does not let "
                    f"{self._settings.user or 'an anonymous client'} read {topic_filter}: {reason} (setting mqtt.filters, and the broker's access list)"
                )

    # -- input and output ---------------------------------------------------------------------------------------------
    def _wait(self, timeout_s: float, may_read: Callable[[], bool]) -> bool:
        """Wait for the socket; whether it is to be read."""
        sock = self.client.buffered
        if sock is None or self.client.socket() is None:
            return False
        reading = not self.connected or may_read()
        if reading and self._paused:
            sock.heard = time.monotonic()  # while it was not read it could not be heard
        self._paused = not reading
        if reading and sock.pending():
            return True
        mask = (select.POLLIN if reading else select.POLLRDHUP) | (select.POLLOUT if sock.unsent else 0)
        seen = self._poll({sock.fileno(): mask}, timeout_s).get(sock.fileno(), 0) & ~select.POLLOUT
        if seen and not reading:
            self._drop("the broker hung up")
        return reading and bool(seen)

    def _sleep(self, timeout_s: float) -> None:
        self._poll({}, timeout_s)

    def _poll(self, masks: dict[int, int], timeout_s: float) -> dict[int, int]:
        poller = select.poll()
        for fd, mask in masks.items():
            poller.register(fd, mask)
        poller.register(self._wake_in, select.POLLIN)
        ready = dict(poller.poll(timeout_s * 1_000))
        if ready.pop(self._wake_in.fileno(), 0):
            self._wake_in.recv(4_096)
        return ready

    def _read(self, may_read: Callable[[], bool]) -> None:
        client, sock = self.client, self.client.buffered
        assert sock is not None  # noqa: S101 - `_wait` saw it
        for _ in range(PACKETS_A_STEP):
            if not sock.fill() or client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if client.socket() is None or (self.connected and not may_read()):
                return

    def _send(self) -> None:
        if self.client.want_write():
            self.client.loop_write()
        sock = self.client.buffered
        if sock is None or self.client.socket() is None or not sock.unsent:
            return
        try:
            sock.flush()
        except OSError:
            return  # the next read finds the connection gone and says so

    def _keep_alive(self) -> None:
        sock = self.client.buffered
        if sock is None or self.client.socket() is None:
            return
        now, keepalive = time.monotonic(), self.client.keepalive
        if not self.connected:
            if now - self._since > self._settings.connect_timeout_s:
                self._drop("no answer to CONNECT")
            return
        if keepalive and now - self._pinged >= keepalive / 2:
            self._pinged = now
            self.client.ping()
        if keepalive and not self._paused and now - sock.heard > 1.5 * keepalive:
            self._drop(f"silent for {now - sock.heard:.0f} s")

    def _drop(self, reason: str) -> None:
        """Hang up without a word, as if the connection had broken."""
        log.warning("mqtt: hanging up", broker=self._settings.shown, reason=reason)
        self.client.hang_up()


_TAKEN_OVER: Final = ": another client uses the same client id (setting mqtt.client_id); each bridge needs its own"


def _later(_client: Any, _userdata: Any, _sock: Any) -> None:
    """paho has something to write. That this callback is set makes it leave writing to `step`, in larger pieces."""
