"""Fleets that teach: parts that wear and fail, hours without broker or database, a judge that cannot be fooled by knowing nothing."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from chargewell.cli import app
from chargewell.prediction.registry import bundled
from chargewell.prediction.simulated import Plan, simulate
from models.failure.asked import Asked
from models.failure.bundle import BundleError, pack, unpack
from models.failure.chargers import FAMILIES, ended
from models.failure.foretell import describe, foretell
from models.failure.hours import COLUMNS, HOUR_US
from models.failure.judge import beats, judge
from models.failure.orders import level_of, orders
from simulator.ageing import DAY_US, PARTS, lives
from simulator.fleet import generate

START = 20_000 * DAY_US


@pytest.fixture(scope="module")
def happened():
    fleet = generate(60, 3)
    return lives(fleet, START, START + 60 * DAY_US, np.full(len(fleet.ports), 4.0), 3)


def test_parts_wear_before_they_fail_and_are_repaired_after(happened):
    assert {life.family for life in happened} <= {part.family for part in PARTS}
    for life in happened:
        assert life.begin_us <= (life.fail_us or life.repair_us) < life.repair_us + 1
        assert all(life.begin_us <= at <= life.repair_us for at in life.hiccups)
        assert all(fault.end_us is not None for fault in life.faults)


def test_labels_tell_failures_from_wear_that_was_repaired_in_time(happened):
    ports = generate(60, 3).port_names
    failed = [life for life in happened if life.fail_us is not None]
    harmless = [life for life in happened if life.fail_us is None]
    assert failed
    assert harmless
    struck = ended([(life.label(), True) for life in harmless], ports)
    assert len(struck.failures) == 0
    first = ended([(failed[0].label(), True)], ports).failures
    assert set(first.at.tolist()) == {failed[0].fail_us // HOUR_US}


def test_a_simulated_fleet_has_hours_of_every_kind_and_is_the_same_again():
    plan = Plan(10, 3, 7, 20_000)
    one, again = simulate(plan), simulate(plan)
    assert len(one.hours) == len(one.hours.ports) * 72
    for name in COLUMNS:
        assert np.isfinite(one.hours.columns[name]).any(), name
        np.testing.assert_array_equal(one.hours.columns[name], again.hours.columns[name])
    warm = one.hours.columns["contact_heat"]
    assert 5 < np.nanmedian(warm) < 60


def test_the_second_world_is_another_one():
    one, other = (simulate(Plan(6, 2, 7, 20_000, world)) for world in (False, True))
    heat = [np.nanmedian(t.hours.columns["cabinet_rise"]) for t in (one, other)]
    assert abs(heat[0] - heat[1]) > 0.2


def test_the_bundled_model_speaks_of_a_fleet_it_never_saw():
    taught = simulate(Plan(6, 12, 9, 20_100))
    said = foretell(unpack(bundled()), taught.hours, taught.facts, [], [taught.until_us])
    assert set(said.family) <= set(FAMILIES)
    assert {said.ports[p] for p in said.port} == set(taught.hours.ports)
    assert (np.diff(said.within, axis=1) >= 0).all()
    assert ((said.within >= 0) & (said.within <= 1)).all()
    assert (said.lead_s > 0).all()
    assert all({"feature", "effect", "text"} == set(reason) for row in said.reasons for reason in row)


def test_the_bundled_model_was_better_than_knowing_nothing():
    scores = unpack(bundled()).scores
    assert scores["pr_auc.7d"] > 5 * 0.016
    assert scores["brier.skill"] > 0.03
    assert 0 < scores["level"] < 1


def test_a_packed_model_comes_back_and_a_damaged_one_is_refused():
    data = bundled()
    bundle = unpack(data)
    assert pack(bundle) == data
    renamed = unpack(pack(replace(bundle, version="other")))
    assert renamed.version == "other"
    for broken in (b"", b"foreign", data[:-9], data[:99] + b"\0" + data[100:]):
        with pytest.raises(BundleError):
            unpack(broken)


def asked(score):
    """100 ports, 60 days, one question a day; ten ports are struck on day 40 and were worn for five days before."""
    port, at = np.repeat(np.arange(100), 60), np.tile(np.arange(60) * 24, 100)
    ahead = np.where((port < 10) & (at < 960), 960.0 - at, np.inf)
    struck = np.column_stack([ahead <= d * 24 for d in (1, 7, 30)])
    answers = {"model": score(port, at, ahead), "port age": port / 100.0, "errors, 7 days": np.zeros(len(at))}
    worn = ahead <= 120
    return Asked(port, at, np.zeros(len(at), np.int64), struck, np.ones_like(struck), ahead, worn, answers, 200.0)


def knowing(_port, _at, ahead):
    p = np.where(ahead <= 168, 0.9, 0.01)
    return np.column_stack([p / 2, p, p])


def test_a_model_that_knows_is_better_and_its_orders_are_right():
    found = judge(asked(knowing), asked(knowing))
    assert beats(found) == []
    assert (found[0].orders.found, found[0].orders.false) == (10, 0)
    assert found[0].orders.lead_h == 168.0


def test_a_model_that_knows_nothing_is_told_so():
    def nothing(port, at, _ahead):
        return np.tile(np.random.default_rng(1).random(len(at))[:, None], (1, 3))

    assert beats(judge(asked(nothing), asked(nothing)))


def test_the_level_keeps_false_orders_within_the_allowance():
    def loose(port, at, ahead):
        p = np.where(ahead <= 168, 0.9, np.where((port > 90) & (at == 240), 0.6, 0.01))
        return np.column_stack([p, p, p])

    question = asked(loose)
    score = question.answers["model"][:, 1]
    assert orders(question, score, 0.5).false == 9
    assert level_of(question, score) > 0.6


@pytest.mark.parametrize(
    ("feature", "text"),
    [
        ("contact_heat.change.5", "heating of the connector by its current: change against its own beginning, 5 days"),
        ("errors.lock.count.1", "faults of kind lock: number, 1 day"),
        ("model=Rapid 50", "model Rapid 50"),
        ("years", "years in service"),
    ],
)
def test_features_have_names_for_people(feature, text):
    assert describe(feature) == text


def test_the_commands_are_there():
    for words in (["train", "--help"], ["models", "list", "--help"], ["models", "promote", "--help"]):
        assert CliRunner().invoke(app, words).exit_code == 0
