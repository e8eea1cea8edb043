"""Which provider is taken, and why: given by settings, else found on the machine, else embedded; or forced."""

from dataclasses import dataclass
from pathlib import Path

from chargewell.services.endpoints import Kind
from chargewell.services.folder import Record
from chargewell.services.provider import Availability, Provider, ServiceError, providers
from chargewell.services.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider, why it was taken, and why each one preferred to it was not."""

    provider: Provider
    reason: str
    passed_over: tuple[tuple[str, str], ...] = ()


def choose(kind: Kind, settings: ServiceSettings, folder: Path | None = None) -> Choice:
    """The provider for one kind; raises `ServiceError` when none can start.

    With "auto", data that a provider left in the service's `folder` decides before the machine does: an upgrade of
    the machine must not make stored data disappear. A given address decides before both.
    """
    use = settings.use(kind)
    candidates = [(one, one.available()) for one in providers(settings, kind) if use in ("auto", one.origin)]
    earlier = Record(folder).read().get("provider") if folder is not None else None
    for one, able in candidates:
        if use == "auto" and able.ok and one.origin != "given" and one.name == earlier:
            return Choice(one, f"the data in {folder} was made by it", _passed_over(candidates, one))
        if able.ok and one.origin == "given":
            return Choice(one, able.reason)
    for one, able in candidates:
        if able.ok:
            forced = "" if use == "auto" else f"services.{kind}.use is {use}; "
            return Choice(one, forced + able.reason, _passed_over(candidates, one))
    tried = "; ".join(f"{one.name}: {able.reason}" for one, able in candidates) or f"no provider is {use}"
    raise ServiceError(
        f"no {kind} can be used: {tried}. Change services.{kind}.use (now {use}) or provide one of these"
    )


def _passed_over(candidates: list[tuple[Provider, Availability]], taken: Provider) -> tuple[tuple[str, str], ...]:
    return tuple((one.name, able.reason) for one, able in candidates if one is not taken and not able.ok)
