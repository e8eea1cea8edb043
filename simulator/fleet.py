"""The simulated network: sites, stations, ports, connectors and tariffs, generated from a seed.

The same seed and size give the same network, name by name. A pattern of ten stations (eleven AC and nine DC ports)
repeats, so a fleet of a multiple of ten stations has exactly two ports a station on average.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np

from simulator.places import PLACES, PRICES, Place

Protocol = Literal["canonical", "ocpp16", "ocpp201"]


@dataclass(frozen=True, slots=True)
class Model:
    """A product: its ports, what each is rated for, and what they share. `modules` are the rectifiers behind a DC port."""

    name: str
    vendor: str
    kind: Literal["ac", "dc"]
    ports: int
    rated_w: float
    phases: int
    amps: float
    limit_w: float
    modules: int
    standards: tuple[str, ...]
    connector_sensor: bool
    firmwares: tuple[str, ...]


MODELS: Final[dict[str, Model]] = {
    m.name: m
    for m in (
        Model("Kerb 7", "Wendel", "ac", 1, 7_400, 1, 32, 7_400, 0, ("type2",), True, ("2.4.1", "2.5.0")),
        Model("Duo 11", "Wendel", "ac", 2, 11_000, 3, 16, 22_000, 0, ("type2",), True, ("4.0.3", "4.1.0")),
        Model("Duo 22", "Wendel", "ac", 2, 22_000, 3, 32, 36_000, 0, ("type2",), True, ("4.0.3", "4.1.0")),
        Model("Quad 22", "Brask", "ac", 4, 22_000, 3, 32, 66_000, 0, ("type2",), True, ("1.9.7",)),
        Model("Rapid 50", "Brask", "dc", 2, 50_000, 3, 125, 100_000, 2, ("ccs2", "chademo"), True, ("3.2.0", "3.3.1")),
        Model("Rapid 150", "Oriel", "dc", 2, 150_000, 3, 400, 240_000, 6, ("ccs2",), True, ("7.1.4", "7.2.0")),
        Model("Rapid 150 S", "Oriel", "dc", 1, 150_000, 3, 400, 150_000, 6, ("ccs2",), True, ("7.1.4", "7.2.0")),
        Model("Hyper 300", "Oriel", "dc", 2, 300_000, 3, 500, 400_000, 12, ("ccs2",), True, ("7.2.0",)),
    )
}  # fmt: skip
_PATTERN: Final = (
    "Duo 22", "Rapid 150", "Duo 11", "Hyper 300", "Kerb 7", "Rapid 50", "Quad 22", "Rapid 150 S", "Duo 22", "Rapid 150",
)  # fmt: skip
_PROTOCOLS: Final[tuple[Protocol, ...]] = ("canonical", "ocpp16", "canonical", "canonical", "ocpp201")


@dataclass(frozen=True, slots=True)
class Site:
    """A place with stations; `index` is its position in `Fleet.sites`."""

    site: str
    place: Place
    owner: str
    grid_limit_w: float


@dataclass(frozen=True, slots=True)
class Station:
    """One charging station. `heartbeat_s` is how often it says at least something."""

    station: str
    site: str
    model: Model
    firmware: str
    serial: str
    protocol: Protocol
    heartbeat_s: float


@dataclass(frozen=True, slots=True)
class Port:
    """One port: charges one vehicle at a time. `number` counts from 1 within the station."""

    port: str
    station: str
    number: int
    model: Model


@dataclass(frozen=True, slots=True)
class Tariff:
    """Unit prices of one site, decimal strings in major units, tax apart."""

    tariff: str
    site: str
    currency: str
    per_kwh: str
    per_session: str
    idle_per_minute: str
    tax_percent: str


@dataclass(frozen=True)
class Fleet:
    """A network. Ports stand in the order of their stations; arrays over ports or stations follow these orders."""

    seed: int
    sites: tuple[Site, ...]
    stations: tuple[Station, ...]
    ports: tuple[Port, ...]
    tariffs: tuple[Tariff, ...]

    @cached_property
    def port_names(self) -> list[str]:
        """Port ids in order."""
        return [p.port for p in self.ports]

    @cached_property
    def station_of(self) -> np.ndarray:
        """For each port the index of its station; int64, non-decreasing."""
        index = {s.station: i for i, s in enumerate(self.stations)}
        return np.array([index[p.station] for p in self.ports], np.int64)

    @cached_property
    def site_of(self) -> np.ndarray:
        """For each station the index of its site; int64."""
        index = {s.site: i for i, s in enumerate(self.sites)}
        return np.array([index[s.site] for s in self.stations], np.int64)

    @cached_property
    def index(self) -> dict[str, int]:
        """Port id -> position in `ports`."""
        return {p.port: i for i, p in enumerate(self.ports)}

    def ports_of(self, station: str) -> list[int]:
        """Positions of the ports of a station; KeyError where there is no such station."""
        found = [i for i, p in enumerate(self.ports) if p.station == station]
        if not found:
            raise KeyError(f"no station {station!r} in this fleet")
        return found


def generate(stations: int = 60, seed: int = 1, heartbeat_s: float = 60.0) -> Fleet:
    """A network of `stations` stations; 60 give 120 ports. ValueError for less than one station."""
    if stations < 1:
        raise ValueError(f"a fleet needs at least one station, not {stations}: raise the number of stations")
    rng = np.random.default_rng([seed, 0xF1EE7])
    sites = _sites(max(1, min(len(PLACES), round(stations / 5))), rng)
    made = [_station(i, sites[int(rng.integers(len(sites)))], rng, heartbeat_s) for i in range(stations)]
    made.sort(key=lambda s: s.station)
    ports = tuple(Port(f"{s.station}/{n}", s.station, n, s.model) for s in made for n in range(1, s.model.ports + 1))
    return Fleet(seed, sites, tuple(made), ports, tuple(_tariff(s) for s in sites))


def _sites(count: int, rng: np.random.Generator) -> tuple[Site, ...]:
    limits = rng.choice([400_000.0, 630_000.0, 1_000_000.0], count)
    return tuple(
        Site(f"{p.country}-{p.code}", p, ("city", "retail", "motorway")[i % 3], float(limits[i]))
        for i, p in enumerate(PLACES[:count])
    )


def _station(i: int, site: Site, rng: np.random.Generator, heartbeat_s: float) -> Station:
    model = MODELS[_PATTERN[i % len(_PATTERN)]]
    return Station(
        station=f"{site.site}-{i + 1:03d}",
        site=site.site,
        model=model,
        firmware=str(rng.choice(model.firmwares)),
        serial=f"{model.vendor[:2].upper()}{rng.integers(10**7, 10**8)}",
        protocol=_PROTOCOLS[(i + i // 10) % len(_PROTOCOLS)],
        heartbeat_s=heartbeat_s,
    )


def _tariff(site: Site) -> Tariff:
    per_kwh, per_session, idle = PRICES[site.place.currency]
    return Tariff(
        f"{site.site}-public", site.site, site.place.currency, per_kwh, per_session, idle, site.place.tax_percent
    )
