"""Names that station and back end agree on: sessions and their ids per protocol."""

import zlib

from simulator.fleet import Protocol


def session_name(protocol: Protocol, port: str, start_us: int) -> str:
    """The id of the session that began at `port` at `start_us`: a number in OCPP 1.6 (the back end's), else a name (the station's)."""
    if protocol == "ocpp16":
        return str(transaction_number(port, start_us))
    return f"{port.replace('/', '-')}-{start_us // 1_000_000:x}"[-36:]


def transaction_number(port: str, start_us: int) -> int:
    """The OCPP 1.6 transaction id of a session: 31 bits, the same whenever it is asked for."""
    return zlib.crc32(f"{port}@{start_us}".encode()) & 0x7FFFFFFF
