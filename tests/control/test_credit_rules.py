"""Credits: the difference of two bills, never more than was charged, worked out by hand and on generated sessions."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.rules.credits import Cut, Policy, entitled, propose
from schemas.faults import catalogue
from schemas.money import Amount, Money, Prices, charge, with_tax

PRICE = st.decimals(0, 20, places=4)
PRICES = st.builds(
    Prices,
    tariff=st.just("t"),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    per_kwh=PRICE,
    per_session=PRICE,
    per_minute=PRICE,
    tax_percent=st.decimals(0, 30, places=2),
)
MONTH = timedelta(days=30)


@st.composite
def cuts(draw, start):
    began = start + timedelta(seconds=draw(st.integers(0, 10**6)))
    return Cut(
        session_key="4711",
        started_at=began,
        ended_at=began + timedelta(seconds=draw(st.integers(-60, 10**5))),
        energy_wh=draw(st.none() | st.floats(0, 200_000)),
        stop_reason="power_loss",
    )


@given(st.data(), PRICES, st.decimals(0, 100, places=1))
def test_a_credit_is_never_negative_and_never_more_than_was_charged(now, data, prices, goodwill):
    cut = data.draw(cuts(now))
    proposal = propose(cut, "S/1", prices, Policy(goodwill), Amount.zero(prices.currency))
    charged = charge(prices, cut.usage)

    if proposal is None:
        assert charge(prices.without_session_fee(), cut.usage) == charged or charged.gross.minor == 0
        return
    assert proposal.charged == charged
    assert 0 <= proposal.amount.net.minor <= charged.net.minor
    assert 0 <= proposal.amount.tax.minor <= charged.tax.minor


@given(st.data(), PRICES, st.decimals(0, 100, places=1))
def test_what_stays_billed_is_a_bill_of_its_own_with_its_own_tax(now, data, prices, goodwill):
    cut = data.draw(cuts(now))
    proposal = propose(cut, "S/1", prices, Policy(goodwill), Amount.zero(prices.currency))

    if proposal is not None:
        left = proposal.charged - proposal.amount
        assert left == with_tax(left.net, prices.tax_percent)


@given(st.data(), PRICES, st.integers(0, 10**6), st.integers(0, 10**5))
def test_all_credits_of_a_session_together_are_never_more_than_was_charged(now, data, prices, net, tax):
    cut = data.draw(cuts(now))
    charged = charge(prices, cut.usage)
    already = Amount(
        Money(min(net, charged.net.minor), prices.currency), Money(min(tax, charged.tax.minor), prices.currency)
    )

    proposal = propose(cut, "S/1", prices, Policy(Decimal(100)), already)

    if proposal is not None:
        total = already + proposal.amount
        assert total.net <= charged.net
        assert total.tax <= charged.tax


@given(PRICES, PRICE)
def test_without_a_person_only_up_to_the_limit(now, prices, limit):
    cut = Cut(session_key="1", started_at=now, ended_at=now + timedelta(hours=1), energy_wh=10_000)
    proposal = propose(cut, "S/1", prices, Policy(Decimal(0), {prices.currency: limit}), Amount.zero(prices.currency))

    if proposal is not None:
        assert proposal.approved == (proposal.amount.gross <= Money.of(limit, prices.currency))


CITY = Prices(
    tariff="city", currency="EUR", per_kwh=Decimal("0.49"), per_session=Decimal("0.50"), tax_percent=Decimal(19)
)


def test_a_credit_worked_out_by_hand(now):
    cut = Cut(
        session_key="4711",
        started_at=now,
        ended_at=now + timedelta(minutes=30),
        energy_wh=12_345,
        stop_reason="power_loss",
    )

    proposal = propose(cut, "B-1/2", CITY, Policy(Decimal(5), {"EUR": Decimal(10)}), Amount.zero("EUR"))

    # charged 6.55 + 1.24; without the fee 6.05; 5 % of it 0.30, so 5.75 + 1.09 stay; 0.80 + 0.15 go back
    assert (str(proposal.amount.net), str(proposal.amount.tax)) == ("0.80 EUR", "0.15 EUR")
    assert proposal.approved
    assert proposal.reason == (
        "The charging session of 1 March 2026, 12:00 UTC at port 2 of B-1 was cut short by a fault (power loss) after 30 min and "
        "12.35 kWh. It was charged 7.79 EUR (6.55 EUR and 1.24 EUR tax). The session fee of 0.50 EUR is waived; energy stays billed "
        "as metered. 0.30 EUR is given as goodwill. Credit: 0.95 EUR (0.80 EUR and 0.15 EUR tax)."
    )


@pytest.mark.parametrize("stop_reason", [None, "other"])
def test_a_reason_that_says_nothing_is_not_said(now, stop_reason):
    cut = Cut(session_key="1", started_at=now, ended_at=now, energy_wh=0, stop_reason=stop_reason)

    assert "was cut short by a fault after" in propose(cut, "S/1", CITY, Policy(), Amount.zero("EUR")).reason


def test_a_currency_without_a_limit_always_needs_a_person(now):
    cut = Cut(session_key="1", started_at=now, ended_at=now, energy_wh=0)

    assert not propose(cut, "S/1", CITY, Policy(approve_up_to={"GBP": Decimal(99)}), Amount.zero("EUR")).approved


@pytest.mark.parametrize("family", catalogue().values(), ids=lambda f: f.name)
def test_nobody_is_paid_for_what_user_or_vehicle_did(alerts, family):
    assert entitled(alerts.cut("S/1", family.name), family) == (family.party not in ("user", "vehicle"))


def test_only_a_session_that_was_cut_is_credited(alerts):
    assert not entitled(alerts.said("S/1", "power_module"), catalogue()["power_module"])
