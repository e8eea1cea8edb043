"""Meter values: units, phases, locations, contexts, and numbers as they are written in the field."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.adapters.units import UNITS, UnitError, quantity

T = "2025-10-09T08:50:00Z"


@pytest.fixture
def meter(said):
    """`meter(values, ...)`: channels, other values and rejects of one meter value list at connector 1."""
    numbers = iter(range(1_000))

    def one(*values, frame="ocpp16", **entry):
        payload = {
            "connectorId": 1,
            "evseId": 1,
            "meterValue": [{"timestamp": T, "sampledValue": list(values)} | entry],
        }
        view = said(f"ev/CP-7/from/{frame}", [2, f"m{next(numbers)}", "MeterValues", payload])
        channels = view["readings"][0][6] if view["readings"] else {}
        return channels, {row[5]: row[6] for row in view["other"]}, [(r.reason, r.detail) for r in view["rejects"]]

    return one


def v(value, measurand=None, unit=None, phase=None, location=None, context=None, **more):
    said = {
        "value": value,
        "measurand": measurand,
        "unit": unit,
        "phase": phase,
        "location": location,
        "context": context,
    }
    return {key: x for key, x in said.items() if x is not None} | more


def test_a_bare_value_is_the_import_register_in_watt_hours(meter):
    assert meter(v("1344757.700")) == ({"energy": 1_344_757.7}, {}, [])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (v("7.4", "Power.Active.Import", "kW"), {"power": 7_400.0}),
        (v(7.4, "Power.Active.Import", "kW"), {"power": 7_400.0}),
        (v("1134.496", "Energy.Active.Import.Register", "kWh"), {"energy": 1_134_496.0}),
        (v("22000", "Power.Offered"), {"power_offered": 22_000.0}),
        (v("16.5", "Current.Offered", "A"), {"current_offered": 16.5}),
        (v("50", "SoC", "Percent", location="EV"), {"soc": 50.0}),
        (v("2000", "RPM"), {"fan_rpm": 2_000.0}),
        (v("25", "Temperature", "Celcius"), {"temp_internal": 25.0}),
        (v("25", "Temperature", "Celsius", location="Outlet"), {"temp_connector": 25.0}),
        (v("25", "Temperature", "Celsius", location="Cable"), {"temp_connector": 25.0}),
        (v("77", "Temperature", "Fahrenheit", location="Body"), {"temp_internal": 25.0}),
        (v("298.25", "Temperature", "K", location="Body"), {"temp_internal": 25.1}),
        (v("400", "Voltage", "V"), {"voltage": 400.0}),
        (v("1.5e2", "Current.Import"), {"current": 150.0}),
    ],
)
def test_values_are_told_in_canonical_units(value, expected, meter):
    channels, other, rejects = meter(value)

    assert (channels, other, rejects) == (pytest.approx(expected), {}, [])


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        (v("50.01", "Frequency", "Hertz"), "frequency", 50.01),
        (v("0.98", "Power.Factor"), "power_factor", 0.98),
        (v("98", "Power.Factor", "Percent"), "power_factor", 0.98),
        (v("1.2", "Power.Reactive.Import", "kvar"), "power_reactive", 1_200.0),
        (v("3", "Energy.Active.Export.Register", "kWh"), "energy_export", 3_000.0),
        (v("3", "Energy.Active.Import.Interval", "kWh"), "energy_active_import_interval", 3_000.0),
        (v("12", "Current.Export", "A"), "current_export", 12.0),
        (v("1", "Voltage", "V", phase="L1-L2"), "voltage_l1_l2", 1.0),
        (v("1", "Current.Import", "A", phase="N"), "current_n", 1.0),
        (v("30", "Temperature", location="Inlet"), "temp_inlet", 30.0),
        (v("9", "Voltage.Minimum", "V"), "voltage_minimum", 9.0),
    ],
)
def test_measurands_without_a_canonical_channel_go_beside(value, name, expected, meter):
    assert meter(value)[1:] == ({name: expected}, [])


def test_phases_are_kept_and_their_mean_counts_live_phases_only(meter):
    volts = [v("231", "Voltage", phase="L1-N"), v("229", "Voltage", phase="L2"), v("0", "Voltage", phase="L3-N")]
    amps = [
        v("16", "Current.Import", phase="L1"),
        v("14", "Current.Import", phase="L2"),
        v("0.1", "Current.Import", phase="L3"),
    ]

    channels, other, rejects = meter(*volts, *amps)

    assert channels == pytest.approx(
        {"voltage": 230, "voltage_l1": 231, "voltage_l2": 229, "voltage_l3": 0}
        | {"current": 15, "current_l1": 16, "current_l2": 14, "current_l3": 0.1}
    )
    assert (other, rejects) == ({}, [])


def test_a_total_is_not_added_to_its_phases(meter):
    values = [v(str(w), "Power.Active.Import", phase=p) for p, w in (("L1", 100), ("L2", 200), ("L3", 300))]

    assert meter(*values)[0] == {"power": 600.0}
    assert meter(*values, v("590", "Power.Active.Import"))[:2] == (
        {"power": 590.0},
        {"power_l1": 100.0, "power_l2": 200.0, "power_l3": 300.0},
    )


def test_no_total_is_made_where_a_phase_could_not_be_read(meter):
    values = [v("100", "Power.Active.Import", phase="L1"), v("", "Power.Active.Import", phase="L2")]

    channels, other, rejects = meter(*values)

    assert (channels, other) == ({}, {"power_l1": 100.0})
    assert rejects == [("value", "Power.Active.Import: '' is no number")]


def test_the_outlet_and_the_periodic_sample_win_and_the_others_go_beside(meter):
    values = [
        v("10", context="Transaction.Begin"),
        v("7", location="Inlet"),
        v("12", context="Sample.Periodic"),
        v("11", location="Body"),
    ]

    channels, other, rejects = meter(*values)

    assert channels == {"energy": 12.0}
    assert other == {
        "energy_transaction_begin": 10.0,
        "energy_inlet_sample_periodic": 7.0,
        "energy_body_sample_periodic": 11.0,
    }
    assert rejects == []


def test_a_channel_told_from_another_place_alone_is_taken(meter):
    assert meter(v("230", "Voltage", location="Body"), v("69246912", location="Inlet"))[0] == {
        "voltage": 230.0,
        "energy": 69_246_912.0,
    }


def test_one_and_the_same_told_twice_is_taken_once_and_a_contradiction_is_rejected(meter):
    assert meter(v("12"), v("12"), v("12")) == ({"energy": 12.0}, {}, [])
    assert meter(v("12"), v("13"), v("5", "Frequency"), v("6", "Frequency")) == (
        {"energy": 12.0},
        {"frequency": 5.0},
        [("value", "energy_sample_periodic is told twice; frequency is told twice")],
    )


def test_a_measurand_whose_name_cannot_be_stored_is_rejected(meter):
    assert meter(v("1", "9lives"))[2] == [("value", "9lives is no name that can be stored")]
    assert meter(v("1", "voltage"))[2] == [("value", "voltage is no name that can be stored")]


def test_signed_data_is_rejected_beside_the_values_that_are_read(meter):
    values = [v("5"), v("OCMF|{}", "Energy.Active.Import.Register", format="SignedData")]

    assert meter(*values) == ({"energy": 5.0}, {}, [("unsupported", "SignedData of Energy.Active.Import.Register")])


@pytest.mark.parametrize("value", ["", " ", "abc", "NaN", "Infinity", "-inf", "1_000", "1,5", None, True, [1], "1e400"])
def test_a_value_that_is_no_number_is_rejected_and_the_others_stay(value, meter):
    channels, _, rejects = meter(v("5"), v(value, "Voltage") | {"value": value})

    assert channels == {"energy": 5.0}
    assert [reason for reason, _ in rejects] == ["value"]


@pytest.mark.parametrize(
    "value", [v("5", "Voltage", "A"), v("5", "Energy.Active.Import.Register", "kW"), v("5", "Voltage", "furlong")]
)
def test_a_value_in_a_unit_of_another_kind_is_rejected(value, meter):
    channels, other, rejects = meter(value)

    assert (channels, other, [reason for reason, _ in rejects]) == ({}, {}, ["value"])


def test_several_bad_values_of_a_message_are_one_reject(meter):
    assert meter(v("a"), v("b", "Voltage"))[2] == [
        ("value", "Energy.Active.Import.Register: 'a' is no number; Voltage: 'b' is no number")
    ]


def test_a_multiplier_is_ten_to_its_power(meter):
    values = [
        v(1.5, "Power.Active.Import", unitOfMeasure={"unit": "W", "multiplier": 3}),
        v(7, unitOfMeasure={"multiplier": -1}),
    ]

    assert meter(*values, frame="ocpp201") == ({"power": 1_500.0, "energy": 0.7}, {}, [])


def test_a_wild_multiplier_is_rejected(meter):
    assert meter(v(1.5, unitOfMeasure={"multiplier": 400}), frame="ocpp201")[2][0][0] == "value"


def test_each_time_of_a_list_is_a_reading_of_its_own(said):
    times = [{"timestamp": f"2025-10-09T08:50:0{s}Z", "sampledValue": [{"value": str(s)}]} for s in (3, 1, 2)]
    rows = said("ev/CP-7/from/ocpp16", [2, "m", "MeterValues", {"connectorId": 1, "meterValue": times}])["readings"]

    assert [(row[1] - 1_759_999_800_000_000, row[6]["energy"]) for row in rows] == [
        (3_000_000, 3.0),
        (1_000_000, 1.0),
        (2_000_000, 2.0),
    ]


def test_times_of_a_clock_that_was_never_set_keep_their_distances(said, now):
    times = [{"timestamp": f"1970-01-01T00:00:0{s}Z", "sampledValue": [{"value": str(s)}]} for s in (3, 1, 2)]
    rows = said("ev/CP-7/from/ocpp16", [2, "m", "MeterValues", {"connectorId": 1, "meterValue": times}])["readings"]

    assert [row[1] - now for row in rows] == [0, -2_000_000, -1_000_000]


@given(st.decimals(-(10**9), 10**9, places=4), st.sampled_from(sorted(UNITS)), st.integers(-3, 3))
def test_a_quantity_does_not_depend_on_whether_it_is_written_as_text_or_number(number, unit, multiplier):
    as_text = quantity(str(number), unit, multiplier)

    assert quantity(f" {number} ", unit.upper(), multiplier) == as_text
    assert quantity(float(number), unit, multiplier).value == pytest.approx(as_text.value, rel=1e-12, abs=1e-12)


@given(
    st.text(max_size=12) | st.integers() | st.floats() | st.none() | st.booleans(),
    st.text(max_size=4),
    st.integers(-400, 400),
)
def test_a_quantity_is_finite_or_refused(value, unit, multiplier):
    try:
        got = quantity(value, unit, multiplier)
    except UnitError:
        return

    assert math.isfinite(got.value)
