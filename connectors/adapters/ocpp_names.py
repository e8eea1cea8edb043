"""OCPP's names as Chargewell writes them: snake case, known words recognised in any spelling."""

import re
from typing import Final

from schemas.telemetry import STATUSES

_BORDERS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SIGNS: Final = re.compile(r"[^A-Za-z0-9]+")
_COMPACT: Final = {status.replace("_", ""): status for status in STATUSES}

Said = str | int | float | None
"""A text of OCPP; some stations send numbers."""


def snake(name: str) -> str:
    """``EVCommunicationError`` -> ``ev_communication_error``, ``Energy.Active.Net`` -> ``energy_active_net``."""
    return _SIGNS.sub("_", _BORDERS.sub("_", name)).strip("_").lower()[:100]


def status_of(name: str) -> str | None:
    """The canonical status of ``SuspendedEVSE``, ``suspended_evse`` and the like; None if it is none."""
    return _COMPACT.get("".join(c for c in name.lower() if c.isalnum()))


def text(said: Said, limit: int = 100) -> str | None:
    """`said` without blanks around it and without NUL, cut to `limit`; None where nothing is left."""
    if said is None:
        return None
    cleaned = str(said).replace("\x00", "").strip()
    return cleaned[:limit] or None


def known(**keys: object) -> dict[str, object]:
    """The keys that have a value."""
    return {key: value for key, value in keys.items() if value is not None}
