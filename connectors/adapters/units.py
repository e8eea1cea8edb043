"""Units as chargers write them, and the conversion to Chargewell's: exact, by decimal arithmetic."""

from decimal import Decimal
from math import isfinite
from typing import Any, Final, NamedTuple

_WATT: Final = {"w": ("W", 0), "kw": ("W", 3), "va": ("VA", 0), "kva": ("VA", 3), "var": ("var", 0), "kvar": ("var", 3)}
_HOURS: Final = {f"{unit}h": (f"{base}h", power) for unit, (base, power) in _WATT.items()}
UNITS: Final[dict[str, tuple[str, int]]] = {
    **_WATT,
    **_HOURS,
    "a": ("A", 0),
    "ma": ("A", -3),
    "v": ("V", 0),
    "mv": ("V", -3),
    "kv": ("V", 3),
    "celsius": ("degC", 0),
    "celcius": ("degC", 0),
    "c": ("degC", 0),
    "fahrenheit": ("degF", 0),
    "k": ("K", 0),
    "kelvin": ("K", 0),
    "percent": ("%", 0),
    "%": ("%", 0),
    "hz": ("Hz", 0),
    "hertz": ("Hz", 0),
    "rpm": ("1/min", 0),
    "ohm": ("kOhm", -3),
    "kohm": ("kOhm", 0),
    "s": ("s", 0),
    "ms": ("s", -3),
    "dbm": ("dBm", 0),
}
"""Lower case -> the base unit and the power of ten to it."""

_ZERO_C: Final = Decimal("273.15")


class UnitError(ValueError):
    """A value that is no number, or not in a unit of its kind."""


class Quantity(NamedTuple):
    """A number in a base unit; `unit` is "" where none was said."""

    value: float
    unit: str


def quantity(value: Any, unit: str | None, multiplier: int = 0) -> Quantity:
    """`value` (a number, or a text of one) times ten to the `multiplier`, in the base unit of `unit`. UnitError if it is none."""
    base, power = ("", 0) if not unit else UNITS.get(unit.lower()) or _no_unit(unit)
    power += multiplier
    if base not in ("degF", "K"):
        return Quantity(_number(value) if power == 0 else _scaled(value, power), base)
    kelvin_or_f = Decimal(repr(_scaled(value, power)))
    return Quantity(float((kelvin_or_f - 32) * 5 / 9 if base == "degF" else kelvin_or_f - _ZERO_C), "degC")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or (isinstance(value, str) and "_" in value):
        raise UnitError(f"{str(value)[:20]!r} is no number")
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise UnitError(f"{str(value)[:20]!r} is no number") from error
    if not isfinite(number):
        raise UnitError(f"{str(value)[:20]!r} is no finite number")
    return number


def _scaled(value: Any, power: int) -> float:
    """`value` times ten to the `power`, as if it had been written with its point moved."""
    if abs(power) > 30:
        raise UnitError(f"ten to the {power} is no multiplier")
    number = _number(value)
    text = value.strip() if isinstance(value, str) else repr(value)
    try:
        scaled = float(Decimal(text).scaleb(power))
    except ArithmeticError:  # more digits or a larger exponent than decimals take
        scaled = number * 10.0**power
    if not isfinite(scaled):
        raise UnitError(f"{str(value)[:20]!r} is no finite number")
    return scaled


def _no_unit(unit: str) -> tuple[str, int]:
    raise UnitError(f"unit {unit[:20]!r} is not known")
