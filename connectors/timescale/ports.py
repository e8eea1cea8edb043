"""Port ids to port numbers. A port that nobody registered is entered as discovered, so its rows have a place at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from connectors.timescale.queries import query


def split_port(port: str) -> tuple[str, int]:
    """Station and number of a port id such as `DE-B-014/2`; ValueError if it is none."""
    station, slash, number = port.rpartition("/")
    if not (slash and station and number.isascii() and number.isdigit()):
        raise ValueError(f"port id {port!r}: <station>/<number> is wanted, e.g. DE-B-014/2")
    return station, int(number)


class PortNumbers:
    """The numbers of ports, read once a port and kept: a port never changes its number. And stations by code, a code being
    the place of a station in `stations`."""

    def __init__(self) -> None:
        self.stations: list[str] = []
        self._code: dict[str, int] = {}
        self._number: dict[str, int] = {}
        self._station_of = np.zeros(0, np.int64)

    def of(self, conn: psycopg.Connection[Any], ports: Sequence[str]) -> NDArray[np.int32]:
        """The numbers of `ports`, in their order.

        Enters unknown ports (and their stations) as discovered, in statements of their own: call it outside a transaction,
        so that two flows which meet the same new ports do not wait for each other.
        """
        missing = sorted({port for port in ports if port not in self._number})
        if missing:
            known = _read(conn, missing)
            unknown = [port for port in missing if port not in known]
            if unknown:
                discover(conn, unknown)
                known |= _read(conn, unknown)
            self._learn(known)
        return np.fromiter((self._number[port] for port in ports), np.int32, len(ports))

    def stations_of(self, numbers: NDArray[np.int32]) -> NDArray[np.int64]:
        """The codes of the stations of ports, by port numbers that `of` gave."""
        return self._station_of[numbers]

    def code_of(self, station: str) -> int:
        """The code of a station, made if new."""
        code = self._code.setdefault(station, len(self.stations))
        if code == len(self.stations):
            self.stations.append(station)
        return code

    def _learn(self, known: dict[str, int]) -> None:
        self._number |= known
        room = max(known.values()) + 1 - len(self._station_of)
        if room > 0:
            self._station_of = np.append(self._station_of, np.zeros(room + len(self._station_of), np.int64))
        for port, number in known.items():
            self._station_of[number] = self.code_of(split_port(port)[0])


def discover(conn: psycopg.Connection[Any], ports: Sequence[str]) -> None:
    """Enter `ports` and their stations as discovered where they are not known. ValueError for what is no port id."""
    parts = [split_port(port) for port in ports]
    conn.execute(query("discover_stations"), {"stations": sorted({station for station, _ in parts})})
    conn.execute(
        query("discover_ports"),
        {"ports": list(ports), "stations": [s for s, _ in parts], "numbers": [n for _, n in parts]},
    )


def _read(conn: psycopg.Connection[Any], ports: Sequence[str]) -> dict[str, int]:
    return dict(conn.execute(query("port_numbers"), {"ports": list(ports)}).fetchall())
