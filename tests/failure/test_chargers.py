"""Labels and ports as the failure models need them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from models.failure.chargers import COMPONENTS, FAMILIES, ended, fact_names, history, out_of_order
from models.failure.hours import COLUMNS, HOUR_US, Hours
from schemas.assets import PortFacts
from schemas.labels import Label

T0 = datetime(2026, 1, 1, tzinfo=UTC)
H0 = int(T0.timestamp()) // 3600
WEAR = FAMILIES.index("contact_wear")


def label(port="S/1", fault="contact_wear", start=0.0, end=None, ramp_h=0.0, source="technician"):
    return Label(
        port=port, start=T0 + timedelta(hours=start), end=None if end is None else T0 + timedelta(hours=end), fault=fault,
        ramp_s=ramp_h * 3600, source=source, who="tester",
    )  # fmt: skip


def rows(marks):
    return list(zip(marks.unit.tolist(), (marks.at - H0).tolist(), marks.kind.tolist(), strict=True))


def test_a_fault_strikes_once_it_is_fully_there_and_its_repair_makes_the_component_new():
    known = ended([(label(start=10, ramp_h=30, end=50), True)], ["S/1", "S/2"])
    assert rows(known.failures) == [(0, 40, WEAR)]
    assert sorted(rows(known.repairs)) == [(0, 50, WEAR), (0, 50, len(COMPONENTS) - 1)]


def test_a_fault_of_a_station_strikes_all_its_ports_but_no_other_station():
    known = ended([(label(port="S/0", fault="cooling"), True)], ["S/1", "S/2", "T/1"])
    assert [unit for unit, _, _ in rows(known.failures)] == [0, 1]


def test_wear_that_is_repaired_before_it_strikes_is_no_failure():
    known = ended([(label(start=10, ramp_h=100, end=50), True)], ["S/1"])
    assert len(known.failures) == 0
    assert (0, 50, WEAR) in rows(known.repairs)
    assert (known.worn - [0, 0, H0, H0]).tolist() == [[0, WEAR, 10, 50]]


def test_no_fault_found_is_a_visit_and_clears_the_suspicion():
    known = ended([(label(start=10, end=20), False)], ["S/1"])
    assert len(known.failures) == 0
    assert rows(known.cleared) == [(0, 10, WEAR)]
    assert rows(known.repairs) == [(0, 20, len(COMPONENTS) - 1)]


def test_what_is_predicted_for_a_port_in_disorder_is_not_asked():
    known = ended([(label(start=10, end=20), True)], ["S/1"])
    at = H0 + np.array([9, 10, 15, 20, 21])
    assert out_of_order(np.zeros(5, np.int64), at, known, WEAR).tolist() == [False, True, True, False, False]


def test_a_port_without_a_sensor_is_given_the_weather_of_its_site():
    facts = {"S/1": PortFacts(site="x"), "S/2": PortFacts(site="x"), "T/1": PortFacts(site="y")}
    columns = {c: np.zeros(3, np.float32) for c in COLUMNS} | {"ambient": np.array([7.0, np.nan, np.nan], np.float32)}
    hours = Hours(list(facts), np.arange(3), np.full(3, H0 * HOUR_US), columns, [None, {"lock": 2, "meter": 1}, None])
    made = history(hours, facts, ended([], hours.ports), fact_names(facts))
    assert made.settings[:2, 0].tolist() == [7.0, 7.0]
    assert np.isnan(made.settings[2, 0])
    assert [made.error_names[k] for k in made.errors.kind] == ["errors.lock"] * 2


def test_models_and_firmwares_that_occur_are_facts():
    facts = {"S/1": PortFacts(model="A", firmware="1.0"), "S/2": PortFacts(model="B")}
    assert fact_names(facts)[-3:] == ("model=A", "model=B", "firmware=A 1.0")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_a_component_of_the_catalogue(family):
    assert label(fault=family).fault == family
