"""The anomaly operator finds what a small fleet's physics shows, is quiet otherwise, and does not care how batches are cut."""

import numpy as np
import pytest

from models.anomaly.operator import AnomalyOperator, AnomalySettings, subset
from models.columns import Batch
from schemas.telemetry import BOOT, RETAINED, Event

pytestmark = pytest.mark.filterwarnings("error")


def _feed(operator, batches):
    """Feed batches; all writes as rows by (port, at), and all alerts."""
    rows, alerts = {}, []
    for batch in batches:
        out = operator.on_batch(batch)
        alerts += out.alerts
        for write in out.writes:
            assert write.table == "anomaly_score"
            for i, port in enumerate(write.port):
                values = tuple(write.columns[name][i] for name in ("score", "probability", "context", "contributions"))
                rows[write.ports[port], int(write.columns["at"][i])] = values
    return rows, alerts


def _cut(batch, sizes, rng, order=None):
    """The same readings in other batches."""
    at = 0
    readings = batch.readings if order is None else batch.readings.take(order)
    while at < len(readings):
        size = int(rng.choice(sizes))
        part = readings.take(slice(at, at + size))
        yield Batch(0, int(part.origin.min()), int(part.origin.max()), int(part.received_at.max()), batch.ports, part)
        at += size


@pytest.fixture(scope="module")
def grown(request):
    """A fleet with four days behind it, an operator that saw them, and the alerts it raised meanwhile."""
    tools = request.getfixturevalue("tools")
    fleet = tools.SmallFleet(dc=6, ac=4, seed=3, charge_share=0.25)
    operator = AnomalyOperator(fleet.facts)
    alerts, n = [], 0
    for _ in range(4):
        for batch in tools.batches(fleet, fleet.run(86_400, 10.0), rows=50_000, origin=n):
            n += len(batch.readings)
            alerts += operator.on_batch(batch).alerts
    return fleet, operator.snapshot(), alerts, n


@pytest.fixture
def learned(grown, tools):
    """As `grown`, copied, with every port charging since fifteen minutes."""
    import copy

    fleet, state, _, n = grown
    fleet = copy.deepcopy(fleet)
    operator = AnomalyOperator(fleet.facts)
    operator.restore(state)
    fleet.plug_in_all()
    for batch in tools.batches(fleet, fleet.run(900, 1.0), idle_s=30, charge_s=2, origin=n):
        assert operator.on_batch(batch).alerts == []
        n += len(batch.readings)
    return fleet, operator, n


def test_a_healthy_fleet_raises_nothing_while_it_is_learned(grown):
    assert grown[2] == []


@pytest.mark.parametrize(
    ("kind", "size", "family", "within_s", "ac"),
    [
        ("contact", 20.0, "contact_wear", 60, False),
        ("contact", 20.0, "contact_wear", 60, True),
        ("cooling", 20.0, "cooling", 70, False),
        ("module", 0.25, "power_module", 45, False),
        ("module", 1 / 8, "power_module", 45, False),
        ("supply", 0.2, "supply", 60, True),
        ("meter", 0.5, "meter", 180, False),
    ],
)
def test_a_fault_is_found_named_and_dated(learned, tools, kind, size, family, within_s, ac):
    fleet, operator, n = learned
    port = fleet.dc if ac else 1
    start = fleet.seconds
    track = fleet.run(within_s + 61, 1.0, [tools.Fault(port, kind, 60, size, ramp_s=40)])

    _, alerts = _feed(operator, tools.batches(fleet, track, idle_s=30, charge_s=2, origin=n, rows=100))

    assert {(a.port, a.family) for a in alerts} == {(fleet.names[port], family)}
    alert = alerts[0]
    began = tools.START / 1e6 + start + 60
    assert -30 <= alert.onset_at.timestamp() - began <= 45
    assert 0 < alert.raised_at.timestamp() - began <= within_s
    assert alert.state == "raised"
    assert alert.revision == 1
    assert alert.hypotheses[0].family == family
    assert alert.contributions[0].share > 0.3
    assert alert.probability > 0.999


def test_a_stopped_fan_in_heat_that_was_never_met_is_still_found(learned, tools):
    fleet, operator, n = learned
    fleet.heat = 35.0
    track = fleet.run(600, 1.0, [tools.Fault(1, "fan", 60, 1.0, ramp_s=10)])

    _, alerts = _feed(operator, tools.batches(fleet, track, idle_s=30, charge_s=2, origin=n))

    assert {(a.port, a.family) for a in alerts} == {(fleet.names[1], "cooling")}


def test_an_alert_is_told_again_when_worse_and_cleared_when_over(learned, tools):
    fleet, operator, n = learned
    track = fleet.run(900, 1.0, [tools.Fault(2, "contact", 60, 60.0, ramp_s=300)])
    _, alerts = _feed(operator, tools.batches(fleet, track, idle_s=30, charge_s=2, origin=n))
    n += 10**6

    assert [a.state for a in alerts] == ["raised"] + ["updated"] * (len(alerts) - 1)
    assert len(alerts) >= 2
    assert [a.revision for a in alerts] == list(range(1, len(alerts) + 1))
    fleet.plug_in_all()
    _, after = _feed(operator, tools.batches(fleet, fleet.run(1_500, 1.0), idle_s=30, charge_s=2, origin=n))
    assert [(a.state, a.id) for a in after] == [("cleared", alerts[0].id)]
    assert after[0].cleared_at is not None


def test_where_batches_are_cut_does_not_matter(learned, tools):
    fleet, operator, n = learned
    faults = [tools.Fault(1, "contact", 60, 25.0), tools.Fault(3, "module", 90, 0.2)]
    (whole,) = tools.batches(fleet, fleet.run(400, 1.0, faults), idle_s=30, charge_s=2, origin=n, rows=10**9)
    state = operator.snapshot()
    results = []
    for sizes in ([10**9], [1], [1, 2, 3, 7, 50, 400]):
        fresh = AnomalyOperator(fleet.facts)
        fresh.restore(state)
        rows, alerts = _feed(fresh, _cut(whole, sizes, np.random.default_rng(5)))
        results.append((rows, sorted(alerts, key=lambda a: (a.port, a.revision)), fresh.snapshot()["arrays"]))

    expected = results[0]
    assert len(expected[1]) >= 2
    for rows, alerts, arrays in results[1:]:
        assert alerts == expected[1]
        assert rows.keys() == expected[0].keys()
        assert all(repr(rows[key]) == repr(expected[0][key]) for key in rows)
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, expected[2][name], err_msg=name)


def test_repeated_late_and_retained_readings_change_nothing(learned, tools):
    fleet, operator, n = learned
    (whole,) = tools.batches(fleet, fleet.run(200, 1.0), idle_s=30, charge_s=2, origin=n, rows=10**9)
    state = operator.snapshot()
    rng = np.random.default_rng(1)
    k = len(whole.readings)
    again = np.sort(np.concatenate((np.arange(k), rng.integers(0, k, k // 2))))
    late = np.sort(rng.integers(0, k // 2, 20))
    noisy = whole.readings.take(np.concatenate((again, late)))
    marked = whole.readings.take(np.arange(k))
    marked.flags = np.where(np.arange(k) % 5 == 0, RETAINED, 0).astype(np.uint8)
    without = whole.readings.take(np.arange(k) % 5 != 0)

    def scores(readings):
        fresh = AnomalyOperator(fleet.facts)
        fresh.restore(state)
        batch = Batch(0, int(readings.origin[0]), int(readings.origin[-1]), whole.now, whole.ports, readings)
        rows, alerts = _feed(fresh, [batch])
        return repr(sorted(rows.items())), alerts

    assert scores(noisy) == scores(whole.readings)
    assert scores(marked) == scores(without)


def test_restored_is_as_never_stopped(learned, tools):
    fleet, operator, n = learned
    first, second = (
        list(tools.batches(fleet, fleet.run(200, 1.0, [tools.Fault(2, "module", s, 0.25)]), idle_s=30, charge_s=2, origin=n + k))
        for k, s in ((0, 100), (10**6, 0))
    )  # fmt: skip
    _feed(operator, first)
    other = AnomalyOperator(fleet.facts)
    other.restore(operator.snapshot())

    assert repr(_feed(other, second)) == repr(_feed(operator, second))


def test_a_snapshot_can_be_split_by_station(learned, tools):
    fleet, operator, n = learned
    mine = [p for p in fleet.names if p.startswith(("ST-001", "ST-003"))]
    part = AnomalyOperator(fleet.facts)
    part.restore(subset(operator.snapshot(), mine))
    (whole,) = tools.batches(fleet, fleet.run(300, 1.0, [tools.Fault(2, "contact", 60, 25.0)]), origin=n, rows=10**9)
    rows = np.flatnonzero(np.isin(whole.readings.port, [fleet.names.index(p) for p in mine]))
    batch = Batch(0, whole.first, whole.last, whole.now, whole.ports, whole.readings.take(rows))

    mine_rows, mine_alerts = _feed(part, [batch])
    all_rows, all_alerts = _feed(operator, [whole])

    assert mine_alerts == [a for a in all_alerts if a.port in mine]
    assert repr(sorted(mine_rows.items())) == repr(sorted((k, v) for k, v in all_rows.items() if k[0] in mine))


def test_a_snapshot_of_another_version_is_refused():
    with pytest.raises(ValueError, match="--rebuild"):
        AnomalyOperator().restore({"v": 99})


def test_nothing_is_said_of_ports_that_are_new(tools):
    fleet = tools.SmallFleet(dc=3, ac=0, seed=9)
    operator = AnomalyOperator()
    fleet.plug_in_all()
    track = fleet.run(1800, 1.0, [tools.Fault(1, "contact", 600, 60.0)])

    rows, alerts = _feed(operator, tools.batches(fleet, track))

    assert alerts == []
    assert {row[0] for row in rows.values()} == {0.0}


def test_state_is_bounded():
    assert AnomalyOperator().bytes_per_port() <= 8_192


def test_idle_minutes_in_which_nothing_stands_out_are_thinned_and_charging_ones_are_not(tools):
    fleet = tools.SmallFleet(dc=2, ac=0, charge_share=0.0)
    operator = AnomalyOperator(fleet.facts)
    idle, _ = _feed(operator, tools.batches(fleet, fleet.run(7_200, 10.0)))
    fleet.plug_in_all()
    charging, _ = _feed(operator, tools.batches(fleet, fleet.run(900, 10.0), origin=10**6))

    assert {at // 60_000_000 % 10 for _, at in idle} == {0}
    assert len(idle) == 12 + 11  # the second port speaks from the second minute on
    assert len({at for (_, at), row in charging.items() if row[2] != "idle"}) >= 13


def test_a_smaller_budget_of_alerts_raises_less(learned, tools):
    fleet, operator, n = learned
    stingy = AnomalyOperator(fleet.facts, AnomalySettings(alerts_per_port_month=1e-12))
    stingy.restore(operator.snapshot())
    stream = list(
        tools.batches(fleet, fleet.run(120, 1.0, [tools.Fault(1, "module", 30, 0.25)]), idle_s=30, charge_s=2, origin=n)
    )

    assert len(_feed(operator, stream)[1]) == 1
    assert _feed(stingy, stream)[1] == []


def test_other_firmware_makes_cabinet_and_fan_of_the_station_learn_anew_and_nothing_else(learned, tools):
    fleet, operator, n = learned
    for i, firmware in enumerate("12"):
        at = tools.START + int(fleet.seconds * 1e6) + i
        data = {"reason": "firmware_update", "firmware": firmware}
        boot = Event(port="ST-000/0", kind=BOOT, at=at, received_at=at, origin=n, seq=i, data=data)
        operator.on_batch(Batch(0, n, n, at, [], events=[boot]))
    before = operator.snapshot()["arrays"]
    _feed(operator, tools.batches(fleet, fleet.run(4 * 3_600, 30.0), origin=n + 1))
    after = operator.snapshot()["arrays"]

    for feature in ("cabinet", "fan"):
        assert not after[f"{feature}.blocks"][:2].any()
        assert (after[f"{feature}.blocks"][2:6].sum(axis=1) > before[f"{feature}.blocks"][2:6].sum(axis=1)).all()
    assert (after["contact.blocks"][:6].sum(axis=1) > before["contact.blocks"][:6].sum(axis=1)).all()


def test_scores_can_be_left_out(tools):
    fleet = tools.SmallFleet(dc=2, ac=0)
    batches = list(tools.batches(fleet, fleet.run(3_600, 10.0)))
    with_scores, without = AnomalyOperator(), AnomalyOperator(settings=AnomalySettings(write_scores=False))

    assert any(with_scores.on_batch(b).writes for b in batches)
    assert not any(without.on_batch(b).writes for b in batches)


@pytest.mark.parametrize("value", [np.nan, 0.0, 1e9, -1e9, np.inf])
def test_wild_values_do_no_harm(tools, value):
    fleet = tools.SmallFleet(dc=2, ac=2)
    operator = AnomalyOperator(fleet.facts)
    for batch in tools.batches(fleet, fleet.run(7_200, 10.0), rows=97):
        for name, column in batch.readings.channels.items():
            column[:: 3 + len(name)] = value
        operator.on_batch(batch)

    young = AnomalyOperator()
    young.on_batch(Batch(0, 0, 0, 0, fleet.names))
    unlearned = young.snapshot()["arrays"]
    for name, array in operator.snapshot()["arrays"].items():
        if array.dtype.kind == "f" and np.isfinite(unlearned[name]).all():
            assert np.isfinite(array).all(), name
    fleet.plug_in_all()
    assert [
        a for b in tools.batches(fleet, fleet.run(600, 10.0), origin=10**6) for a in operator.on_batch(b).alerts
    ] == []
