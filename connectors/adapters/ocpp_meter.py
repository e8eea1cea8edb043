"""Meter values of OCPP 1.6 and 2.0.1 as readings: one reading per time, canonical channels where there are any, the rest beside.

Where a channel is told several times for one time (locations, contexts), the outlet and the periodic sample win, and the
others go beside it under a longer name. Totals are never added up with their phases; they are made of the phases only where
no total was told.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from connectors.adapters import clock
from connectors.adapters.canonical_structs import is_other
from connectors.adapters.lines import Line, Reading, Refusal, Refused, Value
from connectors.adapters.ocpp_names import Said, snake, text
from connectors.adapters.units import UnitError, quantity

_ENERGY: Final = "Energy.Active.Import.Register"
_LOCATIONS: Final = ("outlet", "body", "cable", "inlet", "ev")
_CONTEXTS: Final = ("sample_periodic", "sample_clock", "trigger", "transaction_end", "transaction_begin")
_CHANNELS: Final = {
    _ENERGY: "energy",
    "Voltage": "voltage",
    "Current.Import": "current",
    "Power.Active.Import": "power",
    "Power.Offered": "power_offered",
    "Current.Offered": "current_offered",
    "SoC": "soc",
    "RPM": "fan_rpm",
}
_BY_PHASE: Final = ("voltage", "current")
_BESIDE: Final = {
    "Power.Factor": "power_factor",
    "Power.Reactive.Import": "power_reactive",
    "Energy.Active.Export.Register": "energy_export",
}
_TEMPERATURES: Final = {
    "": "temp_internal",
    "body": "temp_internal",
    "outlet": "temp_connector",
    "cable": "temp_connector",
}
_BASES: Final = (
    ("energy.reactive", "varh"),
    ("energy.apparent", "VAh"),
    ("energy", "Wh"),
    ("power.reactive", "var"),
    ("power.factor", ""),
    ("power.apparent", "VA"),
    ("power", "W"),
    ("current", "A"),
    ("voltage", "V"),
    ("frequency", "Hz"),
    ("temperature", "degC"),
    ("soc", "%"),
    ("rpm", "1/min"),
)
_LIVE_V: Final = 20.0
_FLOWING_A: Final = 0.5


class UnitOfMeasure(msgspec.Struct):
    """OCPP 2.0.1: value times ten to the `multiplier`, in `unit`."""

    unit: Said = None
    multiplier: int | None = None


class SampledValue(msgspec.Struct, rename="camel"):
    """One value of either version; texts are as they were said."""

    value: Any = None
    context: str | None = None
    format: str | None = None
    measurand: str | None = None
    phase: str | None = None
    location: str | None = None
    unit: Said = None
    unit_of_measure: UnitOfMeasure | None = None


class MeterValue(msgspec.Struct, rename="camel"):
    """The values of one time."""

    timestamp: str | None = None
    sampled_value: list[SampledValue] = []


class _Told(NamedTuple):
    """A value on its way: `rank` says how well it stands for the channel (low is better), `beside` its name if it does not."""

    channel: str
    beside: str
    rank: tuple[int, int]
    value: float


def meter_lines(values: Sequence[MeterValue], port: int) -> list[Line]:
    """The lines of a list of meter values at port number `port`, each value in a line or a refusal; empty for an empty list."""
    return [line for value in values for line in _at_one_time(value, port)]


def required(lines: list[Line]) -> list[Line]:
    """`lines`; Refusal `empty` where there are none."""
    if not lines:
        raise Refusal("empty", "no sampled value")
    return lines


def register(values: Sequence[MeterValue], context: str) -> float | None:
    """The import register in Wh that was told in `context` (e.g. Transaction.Begin); None if there is none."""
    for value in values:
        for sampled in value.sampled_value:
            if (
                snake(sampled.context or "") == snake(context)
                and (sampled.measurand or _ENERGY) == _ENERGY
                and not sampled.phase
            ):
                told = _read(sampled)
                if isinstance(told, _Told):
                    return told.value
    return None


def _at_one_time(value: MeterValue, port: int) -> list[Line]:
    at = clock.read_iso(value.timestamp)
    told, refused, failed = [], [], set()
    for sampled in value.sampled_value:
        found = _read(sampled)
        if isinstance(found, Refused):
            refused.append(found)
            failed.add(_CHANNELS.get(sampled.measurand or _ENERGY))
        else:
            told.append(found)
    channels: dict[str, float] = {}
    beside: dict[str, float] = {}
    winners: dict[str, _Told] = {}
    for one in sorted(told, key=lambda t: t.rank):
        winner = winners.setdefault(one.channel or one.beside, one)
        if winner is one and one.channel:
            channels[one.channel] = one.value
        elif winner is one or (one.rank != winner.rank and one.beside not in beside):
            beside[one.beside] = one.value
        elif one.value != winner.value or one.rank != winner.rank:
            refused.append(Refused("value", f"{one.beside} is told twice"))
    refused += [Refused("value", f"{name[:60]} is no name that can be stored") for name in beside if not is_other(name)]
    beside = {name: number for name, number in beside.items() if is_other(name)}
    _totals(channels, beside, failed)
    lines: list[Line] = [Reading(port, at, channels)] if channels else []
    return [*lines, *(Value(port, at, name, number) for name, number in beside.items()), *refused]


def _read(sampled: SampledValue) -> _Told | Refused:
    measurand = sampled.measurand or _ENERGY
    if sampled.format is not None and snake(sampled.format) == "signed_data":
        return Refused("unsupported", f"SignedData of {measurand[:60]}")
    declared = sampled.unit_of_measure
    unit, multiplier = (declared.unit, declared.multiplier or 0) if declared else (sampled.unit, 0)
    try:
        number, told_in = quantity(sampled.value, text(unit), multiplier)
    except UnitError as error:
        return Refused("value", f"{measurand[:60]}: {error}")
    base = _base(measurand)
    if base == "" and told_in == "%":
        number = number / 100
    elif base and told_in and told_in != base:
        return Refused("value", f"{measurand[:60]} in {told_in}")
    return _Told(*_place(measurand, sampled.phase or "", sampled.location or "", sampled.context or ""), number)


@lru_cache(2_000)
def _base(measurand: str) -> str | None:
    """The base unit of a measurand; "" where it has none, None where it is not known."""
    return next((base for start, base in _BASES if measurand.lower().startswith(start)), None)


@lru_cache(10_000)
def _place(measurand: str, phase: str, location: str, context: str) -> tuple[str, str, tuple[int, int]]:
    """Channel ("" if none), name beside, rank of a value that is told so."""
    phase = phase.upper().removesuffix("-N").replace("-", "_").lower()
    location, context = snake(location), snake(context) or "sample_periodic"
    temperature = measurand == "Temperature"
    plain = _TEMPERATURES.get(location, "") if temperature else _CHANNELS.get(measurand, "")
    channel = plain if not phase else f"{plain}_{phase}" if plain in _BY_PHASE and phase in ("l1", "l2", "l3") else ""
    name = "temp" if temperature else _BESIDE.get(measurand) or plain or snake(measurand)
    rank = (_rank(context, _CONTEXTS), _rank(location or "outlet", _LOCATIONS))
    parts = [name, phase]
    parts += [location] if temperature or location not in ("outlet", "" if channel else "body") else []
    parts += [context] if rank[0] > _CONTEXTS.index("trigger") or channel else []
    return channel, "_".join(part for part in parts if part), rank


def _rank(word: str, words: tuple[str, ...]) -> int:
    return words.index(word) if word in words else len(words)


def _totals(channels: dict[str, float], beside: Mapping[str, float], failed: set[str | None]) -> None:
    """Add the totals that were told by phase only; not where a value of theirs could not be read."""
    makers: tuple[tuple[str, Mapping[str, float], Callable[[list[float]], float]], ...] = (
        ("voltage", channels, _mean_voltage),
        ("current", channels, _mean_current),
        ("power", beside, sum),
        ("energy", beside, sum),
    )
    for channel, source, total in makers:
        phases = [source[name] for name in (f"{channel}_l1", f"{channel}_l2", f"{channel}_l3") if name in source]
        if phases and channel not in channels and channel not in failed:
            channels[channel] = total(phases)


def _mean_voltage(phases: list[float]) -> float:
    live = [v for v in phases if abs(v) >= _LIVE_V]
    return sum(live) / len(live) if live else 0.0


def _mean_current(phases: list[float]) -> float:
    flowing = [a for a in phases if abs(a) > _FLOWING_A]
    return sum(flowing) / len(flowing) if flowing else sum(phases) / len(phases)
