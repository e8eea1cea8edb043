"""Charging ports as units of the failure models: their hours as a history, what is new after a repair, what is asked when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.failure.history import History, Occurrences
from models.failure.hours import CHANNELS, HOUR_US, SETTINGS, Hours
from models.failure.windows import Floats, Ints
from schemas.assets import PortFacts
from schemas.labels import Label

FAMILIES: Final = (
    "contact_wear", "cooling", "power_module", "contactor", "isolation", "lock", "controller", "cable",
)  # fmt: skip
"""The fault families that are predicted; each is a component that a repair makes new."""
COMPONENTS: Final = (*FAMILIES, "visit")
"""`visit`: somebody was there, whatever was done."""
MARKS: Final = ("faults", "failed", "boots", "lost", "sessions")
ERRORS: Final = (*MARKS, *(f"errors.{family}" for family in FAMILIES))
DAY_H: Final = 24
MEMORY_DAYS: Final = 90
"""What is older than this is not looked at."""
_YEAR_US: Final = 365.25 * 24 * HOUR_US
_NUMBERS: Final = ("years", "rated_kw", "dc", "phases")


@dataclass(frozen=True, slots=True)
class Ended:
    """Labels as the models need them: `failures` (kind: index of FAMILIES) at the hour at which a fault was fully there,
    `repairs` (kind: index of COMPONENTS) where it ended, and `cleared`: somebody looked for a fault and found none.

    `worn` [k, 4]: unit, family, first and last hour in which a fault was there or growing.
    """

    failures: Occurrences
    repairs: Occurrences
    cleared: Occurrences
    worn: Ints = field(default_factory=lambda: np.empty((0, 4), np.int64))


def fact_names(facts: Mapping[str, PortFacts]) -> tuple[str, ...]:
    """The facts that a model over these ports uses: numbers, and one for each model and firmware that occurs."""
    models = sorted({f.model for f in facts.values() if f.model})
    firmwares = sorted({f"{f.model} {f.firmware}" for f in facts.values() if f.model and f.firmware})
    return (*_NUMBERS, *(f"model={m}" for m in models), *(f"firmware={f}" for f in firmwares))


def history(hours: Hours, facts: Mapping[str, PortFacts], ended: Ended, names: Sequence[str]) -> History:
    """The history of `hours.ports`, one unit a port; times are hours since 1970, a step is a day. `names` as `fact_names`.

    A port without a sensor for its surroundings is given what other ports of its site tell in the same hour.
    """
    at = hours.at // HOUR_US
    settings = np.column_stack([hours.columns[name] for name in SETTINGS]).astype(np.float64)
    settings[:, 0] = _surroundings(hours, at, settings[:, 0], facts)
    return History(
        units=len(hours.ports),
        step=DAY_H,
        unit=hours.port.astype(np.int64),
        at=at,
        channels=np.column_stack([hours.columns[name] for name in CHANNELS]).astype(np.float64),
        channel_names=CHANNELS,
        settings=settings,
        setting_names=SETTINGS,
        errors=_errors(hours, at),
        error_names=ERRORS,
        repairs=ended.repairs,
        component_names=COMPONENTS,
        facts=_facts(hours.ports, facts, names, int(hours.at.min()) if len(hours) else 0),
        fact_names=tuple(names),
    )


def gives(signature: tuple[tuple[str, ...], ...]) -> bool:
    """Whether `history` can give the columns of that signature, with some names of facts."""
    return signature[:4] == (CHANNELS, SETTINGS, ERRORS, COMPONENTS) and signature[4][: len(_NUMBERS)] == _NUMBERS


def _surroundings(hours: Hours, at: Ints, ambient: Floats, facts: Mapping[str, PortFacts]) -> Floats:
    sites: dict[str, int] = {}
    of_port = [sites.setdefault(_site(port, facts), len(sites)) for port in hours.ports]
    key = np.array(of_port, np.int64)[hours.port] * (1 << 32) + at
    found, place = np.unique(key, return_inverse=True)
    known = np.isfinite(ambient)
    total = np.bincount(place[known], ambient[known], len(found))
    count = np.bincount(place[known], minlength=len(found))
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return np.where(known, ambient, mean[place])


def _site(port: str, facts: Mapping[str, PortFacts]) -> str:
    known = facts.get(port)
    return known.site if known is not None and known.site else port.rpartition("/")[0]


def _errors(hours: Hours, at: Ints) -> Occurrences:
    unit: list[NDArray[np.int64]] = []
    when: list[NDArray[np.int64]] = []
    kind: list[NDArray[np.int64]] = []
    for i, name in enumerate(MARKS):
        times = np.nan_to_num(hours.columns[name]).astype(np.int64)
        unit.append(np.repeat(hours.port, times))
        when.append(np.repeat(at, times))
        kind.append(np.full(int(times.sum()), i))
    place = {family: len(MARKS) + i for i, family in enumerate(FAMILIES)}
    rare = [
        (int(hours.port[row]), int(at[row]), place[family])
        for row, counts in enumerate(hours.errors)
        if counts
        for family, n in counts.items()
        if family in place
        for _ in range(n)
    ]
    more = np.array(rare, np.int64).reshape(-1, 3)
    return Occurrences(
        np.concatenate([*unit, more[:, 0]]), np.concatenate([*when, more[:, 1]]), np.concatenate([*kind, more[:, 2]])
    )


def _facts(ports: Sequence[str], facts: Mapping[str, PortFacts], names: Sequence[str], begin_us: int) -> Floats:
    out = np.zeros((len(ports), len(names)))
    place = {name: i for i, name in enumerate(names)}
    for row, port in enumerate(ports):
        known = facts.get(port)
        out[row, : len(_NUMBERS)] = np.nan if known is None else _numbers(known, begin_us)
        if known is not None and known.model:
            for name in (f"model={known.model}", f"firmware={known.model} {known.firmware}"):
                if name in place:
                    out[row, place[name]] = 1.0
    return out


def _numbers(facts: PortFacts, begin_us: int) -> list[float]:
    return [
        np.nan if facts.commissioned_at is None else (begin_us - facts.commissioned_at) / _YEAR_US,
        np.nan if facts.rated_w is None else facts.rated_w / 1e3,
        float(facts.kind == "dc"),
        np.nan if facts.phases is None else float(facts.phases),
    ]


def ended(labels: Sequence[tuple[Label, bool]], ports: Sequence[str]) -> Ended:
    """What labels (each with whether the fault was there) say of `ports`; a label at `<station>/0` speaks of all its ports.

    A fault counts as a failure from `start` plus `ramp_s` on, unless it ended before: then it was repaired in time. From its
    end its component is new. Labels of families that are not predicted count as visits only.
    """
    worn: list[tuple[int, int, int, int]] = []
    failures: list[tuple[int, int, int]] = []
    repairs: list[tuple[int, int, int]] = []
    cleared: list[tuple[int, int, int]] = []
    of_station: dict[str, list[int]] = {}
    for i, port in enumerate(ports):
        of_station.setdefault(port.rpartition("/")[0], []).append(i)
        of_station.setdefault(port, []).append(i)
    for label, present in labels:
        station, _, number = label.port.rpartition("/")
        units = of_station.get(station if number == "0" else label.port, [])
        family = FAMILIES.index(label.fault) if label.fault in FAMILIES else None
        begin, start = (int(label.start.timestamp() + grown) // 3_600 for grown in (0.0, label.ramp_s))
        end = None if label.end is None else max(int(label.end.timestamp()) // 3_600, begin + 1)
        for unit in units:
            if end is not None:
                repairs.append((unit, end, len(FAMILIES)))
            if family is None:
                continue
            if not present:
                cleared.append((unit, start, family))
                continue
            worn.append((unit, family, begin, start + 1 if end is None else end))
            if end is None or start <= end:
                failures.append((unit, start, family))
            if end is not None:
                repairs.append((unit, max(end, start + 1) if start <= end else end, family))
    table = np.array(worn, np.int64).reshape(-1, 4)
    return Ended(_occurrences(failures), _occurrences(repairs), _occurrences(cleared), table)


def _occurrences(rows: list[tuple[int, int, int]]) -> Occurrences:
    table = np.array(rows, np.int64).reshape(-1, 3)
    return Occurrences(table[:, 0], table[:, 1], table[:, 2])


def out_of_order(unit: Ints, at: Ints, ended: Ended, family: int, span_h: int = 60 * DAY_H) -> NDArray[np.bool_]:
    """Which questions fall between a failure of the family and its repair: there is nothing left to predict.

    A failure that nobody ended counts for `span_h` hours.
    """
    out = np.zeros(len(at), np.bool_)
    failed, mended = ended.failures.of(family), ended.repairs.of(family)
    for one, when in zip(failed.unit.tolist(), failed.at.tolist(), strict=True):
        later = mended.at[(mended.unit == one) & (mended.at > when)]
        until = int(later[0]) if len(later) else when + span_h
        out |= (unit == one) & (at >= when) & (at < until)
    return out
