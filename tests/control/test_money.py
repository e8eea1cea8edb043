"""Money: exact sums, one half-up rounding per total, tax apart; held against fractions that never round."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.money import Amount, CurrencyError, Money, Prices, Usage, charge, exponent, with_tax

CURRENCIES = st.sampled_from(["EUR", "GBP", "JPY", "KWD", "CLF"])
PRICE = st.decimals(0, 1000, places=6)
QUANTITY = st.decimals(0, 100_000, places=3)
PERCENT = st.decimals(0, 100, places=3)


def half_up(value: Fraction) -> int:
    whole, rest = divmod(abs(value), 1)
    rounded = int(whole) + (1 if rest >= Fraction(1, 2) else 0)
    return rounded if value >= 0 else -rounded


@given(CURRENCIES, PRICE, PRICE, PRICE, PRICE, PERCENT, QUANTITY, QUANTITY, QUANTITY)
def test_a_charge_equals_the_sum_in_fractions_rounded_once_and_its_tax_rounded_once(
    currency, per_kwh, per_session, per_minute, idle, percent, energy_wh, minutes, idle_minutes
):
    prices = Prices(
        tariff="t",
        currency=currency,
        per_kwh=per_kwh,
        per_session=per_session,
        per_minute=per_minute,
        idle_per_minute=idle,
        tax_percent=percent,
    )

    amount = charge(prices, Usage(energy_wh, minutes, idle_minutes))

    unit = 10 ** exponent(currency)
    exact = (
        Fraction(per_session)
        + Fraction(per_kwh) * Fraction(energy_wh) / 1000
        + Fraction(per_minute) * Fraction(minutes)
        + Fraction(idle) * Fraction(idle_minutes)
    )
    net = half_up(exact * unit)
    assert amount.net == Money(net, currency)
    assert amount.tax == Money(half_up(net * Fraction(percent) / 100), currency)
    assert amount.gross.minor == amount.net.minor + amount.tax.minor


@given(st.decimals(-(10**9), 10**9, places=6), CURRENCIES)
def test_rounding_is_half_up_away_from_zero(major, currency):
    assert Money.of(major, currency).minor == half_up(Fraction(major) * 10 ** exponent(currency))


@given(st.integers(-(10**15), 10**15), CURRENCIES)
def test_major_units_lead_back_to_the_same_minor_units(minor, currency):
    assert Money.of(Money(minor, currency).major, currency) == Money(minor, currency)


@given(st.integers(0, 10**9), st.integers(0, 10**9), PERCENT)
def test_a_higher_net_never_has_a_lower_tax(low, more, percent):
    assert with_tax(Money(low, "EUR"), percent).tax <= with_tax(Money(low + more, "EUR"), percent).tax


def test_a_bill_worked_out_by_hand():
    prices = Prices(
        tariff="city", currency="EUR", per_kwh=Decimal("0.49"), per_session=Decimal("0.50"), tax_percent=Decimal(19)
    )

    amount = charge(prices, Usage(Decimal("12345")))

    assert str(amount.net) == "6.55 EUR"  # 0.50 + 12.345 * 0.49 = 6.54905
    assert str(amount.tax) == "1.24 EUR"  # 6.55 * 0.19 = 1.2445
    assert str(amount.gross) == "7.79 EUR"


@pytest.mark.parametrize(
    ("minor", "currency", "shown"), [(5, "EUR", "0.05 EUR"), (5, "JPY", "5 JPY"), (5, "KWD", "0.005 KWD")]
)
def test_money_is_shown_with_the_decimals_of_its_currency(minor, currency, shown):
    assert str(Money(minor, currency)) == shown


def test_amounts_of_different_currencies_do_not_meet():
    with pytest.raises(CurrencyError, match="different currencies"):
        Amount.zero("EUR") + Amount.zero("GBP")


@pytest.mark.parametrize("bad", ["eur", "EU", "EURO", "E1R", "ÄÖÜ"])
def test_a_currency_is_three_capital_letters(bad):
    with pytest.raises(ValueError, match="three capital letters"):
        Money(1, bad)
