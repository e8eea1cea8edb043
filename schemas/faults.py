"""The fault catalogue: one family per thing that breaks, read from `faults.toml` beside this file.

Detectors, simulator, technicians and control all name faults by these families.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.alerts import Severity

Party = Literal["charger", "vehicle", "user", "grid", "network", "unknown"]


class FaultFamily(BaseModel):
    """One family: what it is, how urgent, who answers for it, what to try remotely, what a crew brings and checks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    severity: Severity
    party: Party
    component: str
    safety: bool = False
    remote: tuple[str, ...] = ()
    bring: tuple[str, ...] = ()
    check: Annotated[tuple[str, ...], Field(min_length=1)]
    codes: tuple[str, ...] = ()


@cache
def catalogue() -> dict[str, FaultFamily]:
    """All families by name. A code claimed by two families stops the program here."""
    table = tomllib.loads(files("schemas").joinpath("faults.toml").read_text("utf-8"))
    families = {name: FaultFamily(name=name, **entry) for name, entry in table.items()}
    code_family(families)
    return families


def code_family(families: dict[str, FaultFamily] | None = None) -> dict[str, str]:
    """Error code (ChargeX CXnnn or canonical OCPP error in snake case) -> family name."""
    found: dict[str, str] = {}
    for family in (families or catalogue()).values():
        for code in family.codes:
            if code in found:
                raise ValueError(
                    f"faults.toml: code {code!r} stands in {found[code]!r} and {family.name!r}; keep it in one"
                )
            found[code] = family.name
    return found


def error_code(data: Mapping[str, Any]) -> str | None:
    """The code of a status event's data: a ChargeX code that the vendor gives, if we know it; else the error; else None."""
    vendor = data.get("vendor_code")
    known = _by_code()
    for part in str(vendor).split(",") if vendor else ():
        if part.strip() in known:
            return part.strip()
    error = data.get("error")
    return None if error in (None, "", "no_error") else str(error)


def family_of(code: str | None) -> str | None:
    """The fault family of a code, None where the catalogue has it not."""
    return None if code is None else _by_code().get(code)


@cache
def _by_code() -> dict[str, str]:
    return code_family()
