"""A small form of the charger-fault benchmark: labelled faults are found, a healthy fleet is left alone, and it is reproducible."""

import io

import numpy as np
import pytest
from rich.console import Console

from chargewell.bench.chargers.cases import CREEPING_DAYS, KINDS, MODES, STATED, SUDDEN_DAYS, draw, kind_of
from chargewell.bench.chargers.command import RATE, Result, table, tuned_level
from chargewell.bench.chargers.report import kinds, show
from chargewell.bench.chargers.watch import failing, healthy
from chargewell.bench.chargers.worlds import DAY_US, JUDGING, TUNING, upset
from models.anomaly.detector import detectors
from models.evaluation.modes import Case, judge, named_share, share
from models.evaluation.rivals import follow_all, limits, told
from simulator.fleet import generate
from simulator.variants import VARIANTS

DAYS = 24


@pytest.fixture(scope="module")
def watched():
    """One fleet of the judging world with faults."""
    return failing(JUDGING, 1, 12, DAYS)


@pytest.mark.slow
def test_most_faults_are_found_in_time_with_the_right_cause_and_little_else_is_said(watched):
    judged = judge(watched.cases, watched.said, watched.port_days)
    promised = judged.promised(STATED)

    assert len(promised) >= 6
    assert share(promised) >= 0.75, [o.case for o in promised if o.said is None]
    assert named_share(promised) >= 0.75
    assert judged.false_rate <= 2 * RATE, judged.false


@pytest.mark.slow
def test_a_heat_wave_new_vehicles_and_new_firmware_raise_next_to_nothing():
    calm = healthy(JUDGING, 10, DAYS)

    assert calm.cases == []
    assert len(calm.said) <= 1, calm.texts


@pytest.mark.slow
def test_the_report_holds_every_kind_that_struck_and_the_rivals(watched):
    said = {"operator": watched.said, "limits": limits(table(watched))}
    judged = {name: judge(watched.cases, rows, watched.port_days) for name, rows in said.items()}
    out = io.StringIO()
    show(
        Result("judging", judged, dict.fromkeys(said, 0.0), [watched], watched),
        STATED,
        1.0,
        Console(file=out, width=160),
    )

    for case in watched.cases:
        assert case.kind in out.getvalue()
    assert "limits" in out.getvalue()


@pytest.mark.slow
def test_a_rival_is_given_the_least_level_at_which_it_is_as_quiet_as_asked(watched):
    level = tuned_level("mewma", [watched])
    minutes = table(watched)
    (track,) = follow_all(detectors()["mewma"], [minutes])

    def about_nothing(at):
        return len(judge(watched.cases, told(minutes, track, at), watched.port_days).false)

    assert about_nothing(level) <= RATE * watched.port_months + 1 < about_nothing(level / 2)


def test_faults_are_drawn_by_seed_fit_their_port_and_leave_time_to_learn():
    fleet = generate(60, 5)
    faults = draw(fleet, 0, 36, seed=3)

    assert faults == draw(fleet, 0, 36, seed=3) != draw(fleet, 0, 36, seed=4)
    assert {f.variant for f in faults} == {k.variant for k in KINDS}
    assert len({f.port.rpartition("/")[0] for f in faults}) == len(faults)
    for fault in faults:
        days = (fault.end_us - fault.start_us) / DAY_US
        assert fault.start_us >= 14 * DAY_US
        assert fault.end_us <= 36 * DAY_US
        assert fault.ramp_s == 0 or CREEPING_DAYS[0] <= days <= CREEPING_DAYS[1]
        assert fault.ramp_s > 0 or days == pytest.approx(SUDDEN_DAYS)


def test_too_few_days_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"21\.5 days are too few"):
        draw(generate(10, 1), 0, 21.5, seed=1)


def test_every_kind_is_a_variant_of_the_simulator_and_every_port_kind_finds_its_row():
    assert {k.variant for k in KINDS} <= set(VARIANTS)
    assert kind_of("derated", "ac").promised is False
    assert kind_of("derated", "dc").name == "derated (dc)"


def test_every_failure_mode_has_a_name_and_the_table_tells_it():
    cases = [Case(k.name, "x", f"S{i}/1", 0, DAY_US, 1.0, False, k.promised) for i, k in enumerate(KINDS)]
    out = io.StringIO()
    Console(file=out, width=120).print(kinds(judge(cases, [], 1)))

    assert set(MODES) == {k.mode for k in KINDS} == set(range(1, 18))
    rows = out.getvalue().splitlines()
    for kind in KINDS:
        assert any(kind.name in row and f" {kind.mode} {MODES[kind.mode]} " in row for row in rows), kind


def test_tuning_and_judging_share_neither_seed_nor_physics():
    changed = [
        name for name in type(TUNING.constants).model_fields
        if getattr(TUNING.constants, name) != getattr(JUDGING.constants, name)
    ]  # fmt: skip

    assert TUNING.seed != JUDGING.seed
    assert len(changed) >= 25
    assert upset(JUDGING).constants.heat_wave > 5
    assert np.isclose(sum(v.share for v in upset(JUDGING).vehicles), sum(v.share for v in JUDGING.vehicles) * 0.6 + 0.4)
