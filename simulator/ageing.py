"""How parts of a fleet grow old: what wears for weeks and then fails, what fails at once, what is repaired and when.

A life is one failure of one part with its forerunners. Rates are far above those of real chargers, so that a fleet of hundreds
of ports shows enough failures in weeks; shapes follow the field's literature where it has any (docs/simulator.md): heat
grows over weeks, contacts and locks stick more and more often, cables are cut without warning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from schemas.alerts import moment as moment_at
from schemas.labels import Label
from simulator.faults import Fault
from simulator.fleet import Fleet
from simulator.variants import VARIANTS

DAY_US: Final = 86_400_000_000
_HOUR_US: Final = 3_600_000_000
_HARD: Final = "contactor_stuck"
"""The variant that puts a port out of use in the physics, whatever part failed."""


class Part(BaseModel):
    """How one part ages: failures a port-year (of those that have it), days and severity of what shows before, the share that
    fails unseen, and the share of worn parts that go on for good. `hiccups` a day just before the end, 0 for none.
    `kind`: only AC or DC ports have it; `old`: by how much more often it fails with each year beyond four."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str
    wear: tuple[str, ...] = ()
    a_year: Annotated[float, Field(gt=0)]
    days: tuple[float, float] = (6.0, 30.0)
    severity: tuple[float, float] = (0.2, 0.6)
    unseen: Annotated[float, Field(ge=0, le=1)] = 0.2
    harmless: Annotated[float, Field(ge=0, le=1)] = 0.25
    hiccups: Annotated[float, Field(ge=0)] = 0.0
    kind: Literal["ac", "dc"] | None = None
    old: float = 0.15


PARTS: Final = (
    Part(family="contact_wear", wear=("contact_wear",), a_year=1, severity=(0.12, 0.5)),
    Part(family="cooling", wear=("fan_slow", "filter_clogged"), a_year=1, kind="dc", severity=(0.35, 0.9)),
    Part(family="power_module", wear=("derated",), a_year=1.2, kind="dc", days=(3.0, 15.0), severity=(0.12, 0.45), hiccups=0.5),
    Part(family="contactor", wear=("contactor_slow",), a_year=1, days=(5.0, 25.0), severity=(0.15, 0.6), hiccups=0.8, harmless=0.15),
    Part(family="isolation", wear=("isolation_low",), a_year=1.2, kind="dc", severity=(0.2, 0.6)),
    Part(family="lock", wear=("lock_worn",), a_year=1.6, kind="ac", days=(4.0, 20.0), severity=(0.1, 0.5), hiccups=0.8, harmless=0.15),
    Part(family="controller", wear=("memory_leak",), a_year=0.8, days=(3.0, 14.0), severity=(0.5, 0.95), hiccups=0.8, unseen=0.3),
    Part(family="cable", a_year=0.6, unseen=1.0, harmless=0.0),
)  # fmt: skip
"""Parts and how they age in a simulated fleet that teaches."""

OTHER_PARTS: Final = tuple(
    part.model_copy(
        update={
            "days": (part.days[0] * 0.8, part.days[1] * 1.25),
            "severity": (part.severity[0] * 0.9, min(1.0, part.severity[1] * 1.15)),
            "hiccups": part.hiccups * 0.7,
            "a_year": part.a_year * 0.8,
        }
    )
    for part in PARTS
)
"""The same parts ageing otherwise: faster and slower, with fewer hiccups; for judging what was learned elsewhere."""


@dataclass(frozen=True, slots=True)
class Life:
    """One part's end at `port`: it began to wear at `begin_us`, failed at `fail_us` (None: it never did) and was repaired
    at `repair_us`. `hiccups`: when it stuck for minutes before."""

    port: str
    family: str
    begin_us: int
    fail_us: int | None
    repair_us: int
    faults: tuple[Fault, ...]
    hiccups: tuple[int, ...]

    def label(self, who: str = "simulator") -> Label:
        """The label of the worn part. One that was repaired before it failed had ten times as far to go: its `ramp_s` ends
        after its end."""
        fail_us = self.begin_us + 10 * (self.repair_us - self.begin_us) if self.fail_us is None else self.fail_us
        wide = any(VARIANTS[fault.variant].station_wide for fault in self.faults)
        port = f"{self.port.rpartition('/')[0]}/0" if wide else self.port
        return Label(
            port=port, start=moment_at(self.begin_us), end=moment_at(self.repair_us), fault=self.family,
            ramp_s=(fail_us - self.begin_us) / 1e6, source="simulator", who=who,
        )  # fmt: skip


def lives(
    fleet: Fleet,
    start_us: int,
    end_us: int,
    years: Sequence[float] | NDArray[np.float64],
    seed: int,
    parts: Sequence[Part] = PARTS,
) -> list[Life]:
    """What happens to `fleet` from `start_us` to `end_us`; `years` is the age of each port at the start.

    At most one life of a part of a port in the span, and none that overlaps one drawn before it at the same station, or the two days
    after that one's repair.
    """
    rng = np.random.default_rng([seed, 0xA6E])
    span_days = (end_us - start_us) / DAY_US
    made: list[Life] = []
    busy: dict[str, list[tuple[int, int]]] = {}
    for part in parts:
        for i, port in enumerate(fleet.ports):
            if part.kind is not None and port.model.kind != part.kind:
                continue
            chance = part.a_year * span_days / 365.25 * (1.0 + part.old * (years[i] - 4.0)) / (1.0 - part.harmless)
            if rng.random() >= chance:
                continue
            life = _life(part, port.port, start_us, span_days, rng)
            spans = busy.setdefault(port.station, [])
            if all(life.repair_us < a or life.begin_us > b for a, b in spans):
                spans.append((life.begin_us, life.repair_us + 2 * DAY_US))
                made.append(life)
    return made


def _life(part: Part, port: str, start_us: int, span_days: float, rng: np.random.Generator) -> Life:
    days = float(np.exp(rng.uniform(*np.log(part.days))))
    fail_day = rng.uniform(1.0, span_days + 10.0)
    fail_us = start_us + int(fail_day * DAY_US)
    repair_us = fail_us + int(rng.uniform(0.3, 3.0) * DAY_US)
    if rng.random() < part.unseen:
        return Life(port, part.family, fail_us, fail_us, repair_us, (_broken(port, fail_us, repair_us),), ())
    begin_us = fail_us - int(days * DAY_US)
    fails = rng.random() >= part.harmless
    severity = float(rng.uniform(*part.severity)) * (1.0 if fails else 0.4)
    faults = [Fault(port, v, begin_us, repair_us, severity, days * 86_400) for v in _some(part.wear, rng)]
    hiccups = _hiccups(part.hiccups * (1.0 if fails else 0.4), begin_us, fail_us, rng)
    faults += [_broken(port, at, at + int(rng.uniform(5, 40) * 60e6)) for at in hiccups]
    if fails:
        faults.append(_broken(port, fail_us, repair_us))
    return Life(port, part.family, begin_us, fail_us if fails else None, repair_us, tuple(faults), tuple(hiccups))


def _some(wear: tuple[str, ...], rng: np.random.Generator) -> tuple[str, ...]:
    return (str(rng.choice(wear)),) if wear else ()


def _hiccups(a_day: float, begin_us: int, fail_us: int, rng: np.random.Generator) -> list[int]:
    """Instants, more and more of them towards the end: their rate grows with the square of time to `a_day`."""
    days = (fail_us - begin_us) / DAY_US
    count = rng.poisson(a_day * days / 3.0)
    return sorted(begin_us + int((fail_us - begin_us) * share ** (1 / 3)) for share in rng.random(count))


def _broken(port: str, start_us: int, end_us: int) -> Fault:
    return Fault(port, _HARD, start_us, end_us)


def within(found: Sequence[Life], start_us: int) -> list[Fault]:
    """The faults of lives that reach beyond `start_us`, for a `History` that begins there."""
    return [f for life in found for f in life.faults if f.end_us is None or f.end_us > start_us]
