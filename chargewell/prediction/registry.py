"""Failure models of a deployment: the bundled one, those that were trained here; loaded safely and once."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from typing import Final

from connectors.timescale import models as table
from connectors.timescale.pool import Connection
from models.failure.bundle import Bundle, pack, unpack
from models.failure.foretell import foreign, level_of

BUNDLED: Final = "bundled.cwm"
_HOUR_S: Final = 3_600


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that speaks, whether only in shadow, and from which P(7 days) on it asks for an order."""

    bundle: Bundle
    shadow: bool
    level: float


def bundled() -> bytes:
    """The bytes of the model that comes with the package, trained on simulated fleets."""
    return files("chargewell.prediction").joinpath(BUNDLED).read_bytes()


def ensure_bundled(conn: Connection) -> str | None:
    """Enter the bundled model where it is not there; it is live if no other is. Its version if it was entered now."""
    if not files("chargewell.prediction").joinpath(BUNDLED).is_file():
        return None
    body = bundled()
    bundle = unpack(body)
    live = any(one.state == "live" for one in table.entries(conn))
    now = datetime.now(UTC)
    entry = entry_of(bundle, "bundled: simulated fleets", "retired" if live else "live", now, None if live else now)
    return bundle.version if table.add(conn, entry, body) else None


def entry_of(
    bundle: Bundle, source: str, state: table.State, trained_at: datetime, promoted_at: datetime | None = None
) -> table.Entry:
    """The registry's entry for a bundle, whose span is in hours since 1970."""
    begin, end = (datetime.fromtimestamp(hours * _HOUR_S, UTC) for hours in bundle.span)
    features = {family: list(names) for family, names in bundle.features.items()}
    return table.Entry(
        bundle.version, state, source, trained_at, begin, end, level_of(bundle), features, bundle.scores, promoted_at
    )


def enter(conn: Connection, bundle: Bundle, source: str) -> table.Entry:
    """Enter a new model in shadow (live, if there is no live one). ModelError where its version is there already, or it
    is no model of ports: it could answer nothing, and no model that speaks beside it either."""
    why = foreign(bundle)
    if why is not None:
        raise table.ModelError(
            f"the model {bundle.version} {why}: take one that `chargewell train` of this version made"
        )
    live = any(one.state == "live" for one in table.entries(conn))
    now = datetime.now(UTC)
    entry = entry_of(bundle, source, "shadow" if live else "live", now, None if live else now)
    if not table.add(conn, entry, pack(bundle)):
        raise table.ModelError(f"a model {bundle.version} is there already: give another version")
    return entry


def loaded(conn: Connection) -> list[Loaded]:
    """The live model and those in shadow. BundleError or ModelError for one that cannot be loaded."""
    speaking = [one for one in table.entries(conn) if one.state in ("live", "shadow")]
    return [Loaded(_unpacked(table.body(conn, one.version)), one.state == "shadow", one.level) for one in speaking]


@lru_cache(maxsize=4)
def _unpacked(body: bytes) -> Bundle:
    return unpack(body)
