"""The fault catalogue: one family per thing that breaks, read from `faults.toml` beside this file.

Detectors, simulator, technicians and control all name faults by these families.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

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
