"""What has to hold between the rows of a registry; what holds within one row its model sees to."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from schemas.assets import Registry


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong: where (file and row), why, and what to do about it."""

    where: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}; {self.remedy}"


def check(registry: Registry) -> list[Problem]:
    """All problems between rows, in order of the kinds: overlaps, references to what is not there, doubled connectors."""
    return [*_overlaps(registry), *_references(registry), *_connectors(registry), *_tariff_scopes(registry)]


def _overlaps(registry: Registry) -> Iterator[Problem]:
    for kind in ("site", "station", "port", "tariff"):
        groups: dict[str, list[tuple[Any, int]]] = defaultdict(list)
        for index, row in enumerate(registry.rows(kind)):
            groups[row.key].append((row, index))  # type: ignore[union-attr]  # connectors have no dates
        for key, rows in groups.items():
            yield from _overlapping(registry, kind, f"{kind} {key!r}", rows)


def _overlapping(registry: Registry, kind: str, what: str, rows: list[tuple[Any, int]]) -> Iterator[Problem]:
    ordered = sorted(rows, key=lambda pair: pair[0].valid_from)
    for (earlier, first), (later, second) in pairwise(ordered):
        if earlier.valid_to is None or earlier.valid_to > later.valid_from:
            until = "for ever" if earlier.valid_to is None else f"to {earlier.valid_to:%FT%H:%M%z}"
            yield Problem(
                registry.place(kind, second),
                f"{what} from {later.valid_from:%FT%H:%M%z} overlaps {registry.place(kind, first)}, valid {until}",
                "end the earlier row where the later begins, or take one of them out",
            )


def _references(registry: Registry) -> Iterator[Problem]:
    sites, stations = {row.site for row in registry.site}, {row.station for row in registry.station}
    ports = {row.port for row in registry.port}
    for kind, attribute, known, target in (
        ("station", "site", sites, "site"),
        ("port", "station", stations, "station"),
        ("connector", "port", ports, "port"),
        ("tariff", "site", sites, "site"),
        ("tariff", "port", ports, "port"),
    ):
        for index, row in enumerate(registry.rows(kind)):
            name = getattr(row, attribute)
            if name is not None and name not in known:
                yield Problem(
                    registry.place(kind, index),
                    f"{target} {name!r} is not in the registry",
                    f"add a {target} row for it or correct the name",
                )


def _connectors(registry: Registry) -> Iterator[Problem]:
    seen: dict[tuple[str, int], int] = {}
    for index, row in enumerate(registry.connector):
        first = seen.setdefault((row.port, row.connector), index)
        if first != index:
            yield Problem(
                registry.place("connector", index),
                f"connector {row.connector} of port {row.port!r} stands in {registry.place('connector', first)} already",
                "take one of them out or give it another number",
            )


def _tariff_scopes(registry: Registry) -> Iterator[Problem]:
    scopes: dict[tuple[str | None, str | None], list[tuple[Any, int]]] = defaultdict(list)
    for index, row in enumerate(registry.tariff):
        if row.site is not None and row.port is not None:
            yield Problem(
                registry.place("tariff", index),
                f"tariff {row.tariff!r} names a site and a port",
                "keep the port to price that port alone, or the site to price all of its ports",
            )
        scopes[row.site, row.port].append((row, index))
    for (site, port), rows in scopes.items():
        what = f"a tariff for {f'port {port!r}' if port else f'site {site!r}' if site else 'the network'}"
        if len({row.tariff for row, _ in rows}) > 1:
            yield from _overlapping(registry, "tariff", what, rows)
