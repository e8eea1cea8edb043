"""Free TCP ports on the loopback interface, outside the range from which the kernel takes ports for outgoing calls.

Inside that range a client that keeps calling a service which is down may get the service's own port as its local one:
it then talks to itself and the service cannot come back.
"""

import random
import socket
from collections.abc import Iterable
from pathlib import Path

LOOPBACK = "127.0.0.1"
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_SPAN = 12_000


def is_free(port: int) -> bool:
    """Whether a service could listen on the port now (connections of an ended one that linger do not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(taken: Iterable[int] = ()) -> int:
    """A free port, drawn at random so that programs that start side by side rarely meet; never one of `taken`."""
    top = int(_RANGE.read_text("ascii").split()[0]) if _RANGE.exists() else 32768
    top = max(top, 1024 + _SPAN)
    refused = set(taken)
    for port in random.SystemRandom().sample(range(top - _SPAN, top), 200):
        if port not in refused and is_free(port):
            return port
    raise OSError(f"no free port between {top - _SPAN} and {top} after 200 tries; end what listens there")


def choose(names: Iterable[str], earlier: dict[str, int], *, keep: bool) -> dict[str, int]:
    """A port for each name: the earlier one if it is free (or must be kept), else a new one."""
    chosen: dict[str, int] = {}
    for name in names:
        port = earlier.get(name)
        if port is None or not (keep or is_free(port)):
            port = free_port(chosen.values())
        chosen[name] = port
    return chosen
