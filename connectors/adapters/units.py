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
    number = _decimal(value)
    if not unit:
        return Quantity(_float(number, multiplier, value), "")
    if unit.lower() not in UNITS:
        raise UnitError(f"unit {unit[:20]!r} is not known")
    base, power = UNITS[unit.lower()]
    if base == "degF":
        return Quantity(_float((number.scaleb(multiplier) - 32) * 5 / 9, 0, value), "degC")
    if base == "K":
        return Quantity(_float(number.scaleb(multiplier) - _ZERO_C, 0, value), "degC")
    return Quantity(_float(number, multiplier + power, value), base)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or (isinstance(value, str) and "_" in value):
        raise UnitError(f"{str(value)[:20]!r} is no number")
    try:
        number = Decimal(str(value).strip())
    except ArithmeticError as error:
        raise UnitError(f"{str(value)[:20]!r} is no number") from error
    if not number.is_finite() or abs(number.adjusted()) > 300:
        raise UnitError(f"{str(value)[:20]!r} is no finite number")
    return number


def _float(number: Decimal, power: int, said: Any) -> float:
    if abs(power) > 30:
        raise UnitError(f"ten to the {power} is no multiplier")
    value = float(number.scaleb(power) if power else number)
    if not isfinite(value):
        raise UnitError(f"{str(said)[:20]!r} is no finite number")
    return value
