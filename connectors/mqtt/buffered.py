"""A paho client whose socket is read and written in large pieces.

paho reads a packet byte by byte from the socket (three system calls a message) and writes each acknowledgement by
itself. Behind this buffer a whole burst costs one call each way.
"""

import socket
import ssl
import time
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import MessageType, MQTTErrorCode

READ_BYTES: Final = 65_536
WRITE_BYTES: Final = 262_144
KERNEL_BYTES: Final = 262_144
_CLOSE_S: Final = 1.0


class BufferedSocket:
    """What paho needs of a socket, with a buffer each way.

    Not thread-safe. What `send` took is on its way only after `flush`.
    """

    def __init__(self, sock: socket.socket) -> None:
        # What the kernel holds for a reader that stands still is neither bounded nor acknowledged by anybody else.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
        self._sock = sock
        self._in = b""
        self._at = 0
        self._out = bytearray()
        self.heard = time.monotonic()
        self.goodbye = False

    @property
    def unsent(self) -> bool:
        """Whether bytes wait to be sent."""
        return bool(self._out)

    def fill(self) -> bool:
        """Read what is there; whether `recv` has something to tell, be it the end of the stream or an error."""
        if self._at < len(self._in):
            return True
        try:
            self._in = self._sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            return True
        self._at, self.heard = 0, time.monotonic()
        return True

    def recv(self, count: int) -> bytes:
        """Up to `count` bytes; BlockingIOError if none are there, b"" at the end of the stream."""
        at = self._at
        if at >= len(self._in):
            self._in = self._sock.recv(READ_BYTES)
            at, self.heard = 0, time.monotonic()
        piece = self._in[at : at + count]
        self._at = at + len(piece)
        return piece

    def send(self, data: bytes | bytearray) -> int:
        """Take all of `data`; BlockingIOError while the buffer is full."""
        if len(self._out) >= WRITE_BYTES:
            self.flush()
            if len(self._out) >= WRITE_BYTES:
                raise BlockingIOError
        self._out += data
        return len(data)

    def flush(self) -> None:
        """Send what waits, as far as it goes without blocking; OSError when the connection is gone."""
        while self._out:
            try:
                sent = self._sock.send(self._out)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            del self._out[:sent]

    def close(self) -> None:
        """Send what waits, for a second at most, then close; after a `goodbye` the peer closes first.

        A broker that sees the end of the stream before it has looked at DISCONNECT sends the will (Artemis does).
        """
        try:
            self._sock.settimeout(_CLOSE_S)
            if self._out:
                self._sock.sendall(self._out)
            end = time.monotonic() + _CLOSE_S
            while self.goodbye and time.monotonic() < end and self._sock.recv(READ_BYTES):
                pass
        except OSError:
            self._out.clear()  # the peer is gone, and with it what it would have done with this
        finally:
            self._sock.close()

    def fileno(self) -> int:
        """For select."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """As on a socket; paho turns blocking off once it is connected."""
        self._sock.setblocking(flag)

    def pending(self) -> int:
        """Bytes that were read, here or in the TLS layer, and not taken."""
        inner = self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0
        return len(self._in) - self._at + inner


class BufferedClient(Client):
    """A paho client on a `BufferedSocket`; its owner reads, writes and keeps it alive (see `connection`).

    It uses three of paho's own (underscored) methods; tests against real brokers hold that they still mean the same.
    """

    buffered: BufferedSocket | None = None

    def _create_socket(self) -> Any:
        self.buffered = BufferedSocket(super()._create_socket())  # type: ignore[arg-type]
        return self.buffered

    def ping(self) -> None:
        """Send PINGREQ without waiting for its answer, which may stand behind a backlog that is not being read."""
        self._send_simple_command(MessageType.PINGREQ)

    def hang_up(self) -> None:
        """Close the socket without a word; `on_disconnect` is called as for a broken connection."""
        self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
