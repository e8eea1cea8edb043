"""Money: integer minor units with a currency, unit prices as Decimal, one half-up rounding per total, tax apart.

A bill has two totals: the net amount, rounded once from the exact sum of its lines, and the tax on that net amount,
rounded once. Everything else is adding and subtracting whole minor units, which is exact.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field

_DECIMALS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS: Final = {code: decimals for decimals, codes in _DECIMALS.items() for code in codes.split()}
_EXACT: Final = Context(prec=60)
_ONE: Final = Decimal(1)
_WH_PER_KWH: Final = Decimal(1000)


def exponent(currency: str) -> int:
    """How many decimals the minor unit of `currency` has (ISO 4217): 2 for EUR, 0 for JPY, 3 for KWD."""
    return _EXPONENTS.get(currency, 2)


class CurrencyError(ValueError):
    """Two amounts of different currencies met in one sum or comparison."""


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` whole minor units (cents) of `currency` (three capital letters, ISO 4217)."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if not (
            len(self.currency) == 3 and self.currency.isascii() and self.currency.isalpha() and self.currency.isupper()
        ):
            raise ValueError(f"currency {self.currency!r}: three capital letters are wanted, e.g. EUR")

    @classmethod
    def of(cls, major: Decimal, currency: str) -> Self:
        """`major` units (euros) rounded half up, away from zero, to the minor unit."""
        shifted = major.scaleb(exponent(currency), _EXACT)
        return cls(int(shifted.quantize(_ONE, ROUND_HALF_UP, _EXACT)), currency)

    @property
    def major(self) -> Decimal:
        """The amount in major units, exact."""
        return Decimal(self.minor).scaleb(-exponent(self.currency), _EXACT)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other).minor, self.currency)

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._same(other).minor

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other).minor

    def __str__(self) -> str:
        return f"{self.major:.{exponent(self.currency)}f} {self.currency}"

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise CurrencyError(f"{self} and {other} are of different currencies: convert one before they meet")
        return other


@dataclass(frozen=True, slots=True)
class Amount:
    """A net total and the tax on it, in one currency."""

    net: Money
    tax: Money

    @classmethod
    def zero(cls, currency: str) -> "Amount":
        """Nothing, in `currency`."""
        return cls(Money(0, currency), Money(0, currency))

    @property
    def gross(self) -> Money:
        """Net and tax together."""
        return self.net + self.tax

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.net + other.net, self.tax + other.tax)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.net - other.net, self.tax - other.tax)


Price = Annotated[Decimal, Field(ge=0, max_digits=20, decimal_places=10)]


class Prices(BaseModel):
    """The unit prices of a tariff in force, in major units of `currency` without tax, and the tax in percent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tariff: str
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    per_kwh: Price = Decimal(0)
    per_session: Price = Decimal(0)
    per_minute: Price = Decimal(0)
    idle_per_minute: Price = Decimal(0)
    tax_percent: Annotated[Decimal, Field(ge=0, le=100, max_digits=20, decimal_places=10)] = Decimal(0)

    def without_session_fee(self) -> "Prices":
        """The same prices, the fee for starting a session waived."""
        return self.model_copy(update={"per_session": Decimal(0)})


@dataclass(frozen=True, slots=True)
class Usage:
    """What one session used: energy in Wh, minutes of charging and of idling (connected after the end of charging)."""

    energy_wh: Decimal
    minutes: Decimal = Decimal(0)
    idle_minutes: Decimal = Decimal(0)


def charge(prices: Prices, usage: Usage) -> Amount:
    """What `usage` costs under `prices`: the exact sum of its lines rounded once to the net, then the tax on it, once."""
    exact = prices.per_session
    for price, quantity in (
        (prices.per_kwh, _EXACT.divide(usage.energy_wh, _WH_PER_KWH)),
        (prices.per_minute, usage.minutes),
        (prices.idle_per_minute, usage.idle_minutes),
    ):
        exact = _EXACT.add(exact, _EXACT.multiply(price, quantity))
    return with_tax(Money.of(exact, prices.currency), prices.tax_percent)


def with_tax(net: Money, tax_percent: Decimal) -> Amount:
    """`net` and the tax on it, rounded half up once."""
    tax = _EXACT.multiply(net.major, _EXACT.divide(tax_percent, Decimal(100)))
    return Amount(net, Money.of(tax, net.currency))
