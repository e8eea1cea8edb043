"""What a rule file says: how each kind of time counts, what is excluded and up to how much, and what must be reached."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.assets import Kind as PortKind
from schemas.assets import PortFacts

KINDS: Final = ("ok", "energy", "faulted", "unavailable", "silence", "bridge", "no_data")
"""Reasons of `availability`, and `no_data` for time that no interval covers."""

TimeKind = Literal["ok", "energy", "faulted", "unavailable", "silence", "bridge", "no_data"]
Counted = Literal["up", "outage", "ignore"]
Category = Literal["grid", "vehicle", "planned_maintenance", "vandalism", "natural_disaster", "closed"]
"""`closed`: outside the site's stated opening hours."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Exclusion(_Frozen):
    """Outages of a category that do not count, up to a number of minutes. None: without a limit."""

    most_minutes_an_incident: Annotated[float | None, Field(gt=0)] = None
    most_minutes_a_year: Annotated[float | None, Field(gt=0)] = None


class Rule(_Frozen):
    """One rule. `denominator`: `year`, 525,600 minutes (of a shorter window its own length), or `counted`, up and outage.

    `closed`: hours outside the opening hours `count` as any others or are left out (`ignore`). `level`: each port must reach
    the threshold, or the network as a whole.
    """

    name: str
    title: str
    version: Annotated[int, Field(ge=1)]
    level: Literal["port", "network"]
    window: Literal["month", "twelve_months", "calendar_year"]
    threshold: Annotated[float, Field(gt=0, le=1)]
    strictly_above: bool
    denominator: Literal["year", "counted"]
    kind: PortKind | None = None
    min_rated_w: float | None = None
    closed: Literal["count", "ignore"] = "count"
    counts: dict[TimeKind, Counted]
    exclusions: dict[Category, Exclusion] = {}

    def model_post_init(self, context: object) -> None:
        """Every kind of time must count somehow."""
        missing = set(KINDS) - set(self.counts)
        if missing:
            raise ValueError(f"rule {self.name!r}: [counts] says nothing of {', '.join(sorted(missing))}; add them")

    def applies_to(self, port: PortFacts) -> bool:
        """Whether a port is under this rule. Discovered ports are under none: nobody vouches for what they are."""
        if port.discovered or (self.kind is not None and port.kind != self.kind):
            return False
        return self.min_rated_w is None or (port.rated_w is not None and port.rated_w >= self.min_rated_w)

    def how(self, kind: str) -> Counted:
        """How time of a kind counts. ValueError for a kind that no rule knows."""
        for known, counted in self.counts.items():
            if known == kind:
                return counted
        raise ValueError(f"rule {self.name!r} knows no time of kind {kind!r}; kinds are {', '.join(KINDS)}")

    def met(self, uptime: float) -> bool:
        """Whether an uptime (0..1) is enough."""
        return uptime > self.threshold if self.strictly_above else uptime >= self.threshold


@cache
def rules() -> dict[str, Rule]:
    """All rules, by the name of their file. ValueError names the file that is wrong."""
    found = {}
    for file in sorted(files("models.uptime.rules").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            name = file.name.removesuffix(".toml")
            found[name] = read_rule(name, file.read_text("utf-8"))
    return found


def read_rule(name: str, text: str) -> Rule:
    """The rule that a file's text says. ValueError names the file and what is wrong with it."""
    try:
        return Rule(name=name, **tomllib.loads(text))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}.toml is no rule: {error}") from error
