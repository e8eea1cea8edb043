"""What a service provider is: something that can start (or find) one Kafka, MQTT broker or PostgreSQL and say where it is.

To add one: write a class with the members of `Provider`, decorate it with `@provider`, import its module in
`chargewell/services/__init__.py`. The contract suite (`tests/services/test_contract.py`) finds it by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol, TypeVar, cast, runtime_checkable

from chargewell.services.endpoints import Endpoint, Kind
from chargewell.services.settings import ServiceSettings

Origin = Literal["given", "installed", "embedded"]
"""given: runs elsewhere, named by settings. installed: found on the machine. embedded: comes with Chargewell's packages."""

Note = Callable[[str], None]
"""Takes one line for a person who waits, such as the progress of a download."""


class ServiceError(RuntimeError):
    """A service could not be found, started or reached. The message names it, the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a provider can start on this machine with these settings, and why (or why not), as a phrase."""

    ok: bool
    reason: str


@runtime_checkable
class Running(Protocol):
    """A service that answered at least once since its start."""

    endpoint: Endpoint

    @property
    def pid(self) -> int | None:
        """The process of the service, None when it is not ours (given)."""

    def alive(self) -> bool:
        """Whether it still runs (ours) or still answers (given). Ours: one system call; given: up to 3 seconds."""

    def log_tail(self, lines: int = 20) -> str:
        """The last lines the service wrote, "" when it is not ours."""

    def stop(self) -> None:
        """End it cleanly, by force after a bounded time; safe to call again. A given service is left alone."""


class Provider(Protocol):
    """One way to have one kind of service. Made anew from the settings for each use; keeps no state of its own."""

    kind: ClassVar[Kind]
    name: ClassVar[str]
    origin: ClassVar[Origin]

    def available(self) -> Availability:
        """Whether `start` can be tried. Quick (no download, no start)."""

    def version(self) -> str:
        """Product and version for a person, such as "Apache Kafka 4.1.0"; may ask the installed program."""

    def start(self, folder: Path, *, keep_ports: bool = False, note: Note = print) -> Running:
        """Start in `folder` (made when missing) and return once the service answers its own protocol.

        Data left in the folder by an earlier start is used again. Ports of an earlier start are taken again when
        they are free; with `keep_ports` no others are accepted. Raises `ServiceError`.
        """


Made = TypeVar("Made", bound=Provider)
_REGISTRY: dict[tuple[str, str], Callable[[ServiceSettings], Provider]] = {}


def provider(cls: type[Made]) -> type[Made]:
    """Register a provider class, callable with the settings; two of one kind and name stop the program."""
    key = (cls.kind, cls.name)
    if key in _REGISTRY:
        raise ValueError(f"two providers are named {key[0]} {key[1]}; rename one")
    _REGISTRY[key] = cast("Callable[[ServiceSettings], Provider]", cls)
    return cls


def providers(settings: ServiceSettings, kind: Kind | None = None) -> list[Provider]:
    """Every registered provider, of one kind or of all, in order of preference: given, installed, embedded."""
    rank = {"given": 0, "installed": 1, "embedded": 2}
    made = [make(settings) for (its_kind, _), make in _REGISTRY.items() if kind in (None, its_kind)]
    return sorted(made, key=lambda one: rank[one.origin])
