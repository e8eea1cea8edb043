"""What `chargewell doctor` reports about services: which would be taken, and why."""

from dataclasses import dataclass
from pathlib import Path

from chargewell.services.choose import choose
from chargewell.services.endpoints import KINDS, Kind
from chargewell.services.provider import Origin, ServiceError
from chargewell.services.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Finding:
    """The choice for one kind; `provider` None: none can be used, and `reason` says why and what to do."""

    kind: Kind
    provider: str | None
    origin: Origin | None
    version: str
    reason: str
    passed_over: tuple[tuple[str, str], ...] = ()
    """Name of each provider that would have been preferred, and why it was not taken."""


def survey(settings: ServiceSettings, folder: Path | None = None) -> list[Finding]:
    """The choice for every kind, nothing started; `folder` is that of `start_all`, whose data may decide."""
    return [_find(kind, settings, folder) for kind in KINDS]


def _find(kind: Kind, settings: ServiceSettings, folder: Path | None) -> Finding:
    try:
        choice = choose(kind, settings, folder / kind if folder is not None else None)
    except ServiceError as problem:
        return Finding(kind, None, None, "", str(problem))
    one = choice.provider
    return Finding(kind, one.name, one.origin, one.version(), choice.reason, choice.passed_over)
