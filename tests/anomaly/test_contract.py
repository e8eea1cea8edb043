"""The contract of `models.anomaly.detector`, run over every registered detector; a new one is tested by being registered."""

import tracemalloc

import numpy as np
import pytest

from models.anomaly import detector as protocol
from models.anomaly.detector import DEFAULT, MAX_BYTES, Detector, detectors, register

MINUTE = 60_000_000
NAMES = sorted(detectors())


@pytest.fixture(params=NAMES)
def make(request):
    """Makes a detector of the kind under test."""
    return detectors()[request.param]


def _series(rows, ports, channels, seed=0):
    """Seconds [rows], values [rows, ports, channels]: wandering, with rhythm, and a shift at port 0 near the end."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, ports, channels)) + np.sin(np.arange(rows) / 200)[:, None, None]
    x += 10 * np.arange(1, channels + 1)
    x[int(0.85 * rows) :, 0, 0] += 12
    return np.arange(rows) * MINUTE, x.astype(np.float32)


def _run(detector, at, x, slots=None):
    """Feed row by row over all ports; scores, alarms, events [rows, ports]."""
    slots = np.arange(x.shape[1]) if slots is None else slots
    got = [detector.update(slots, np.full(len(slots), t), x[i]) for i, t in enumerate(at)]
    return tuple(np.stack([getattr(g, name) for g in got]) for name in ("score", "alarm", "event"))


def _same(a, b):
    for mine, theirs in zip(a, b, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_default_is_registered_and_so_are_its_rivals():
    assert {DEFAULT, "robust_z", "ewma", "cusum", "mewma", "half_space", "page_hinkley"} <= set(NAMES)


def test_two_detectors_of_one_name_stop_the_program():
    with pytest.raises(RuntimeError, match="two detectors are named 'records'"):
        register(DEFAULT)(type("Second", (detectors()["ewma"],), {}))


def test_ports_and_batches_may_be_mixed_in_any_way(make):
    at, x = _series(480, 3, 2)
    expected = _run(make(2), at, x)
    rng = np.random.default_rng(1)
    port = np.repeat(np.arange(3)[None], len(at), 0).reshape(-1)
    order = np.argsort(np.repeat(np.arange(len(at)), 3) + rng.uniform(0, 40, port.size), kind="stable")
    # within a port rows keep their order; between ports they do not
    rows = {p: iter(range(len(at))) for p in range(3)}
    mixed = [(p, next(rows[p])) for p in port[order]]
    other, out = make(2), [np.empty_like(e) for e in expected]
    while mixed:
        part, mixed = mixed[: (k := int(rng.integers(1, 200)))], mixed[k:]
        p, i = np.array([q for q, _ in part]), np.array([q for _, q in part])
        got = other.update(p, at[i], x[i, p])
        for target, values in zip(out, (got.score, got.alarm, got.event), strict=True):
            target[i, p] = values

    _same(out, expected)


def test_ports_do_not_touch_each_other(make):
    at, x = _series(500, 3, 2)
    together = _run(make(2), at, x)
    alone = _run(make(2), at, x[:, :1])

    _same([t[:, :1] for t in together], alone)


def test_it_is_deterministic(make):
    at, x = _series(450, 2, 3)

    _same(_run(make(3), at, x), _run(make(3), at, x))


@pytest.mark.parametrize("cut", [137, 430])
def test_restored_is_as_never_stopped(make, cut):
    at, x = _series(530, 2, 2)
    whole = make(2)
    _run(whole, at[:cut], x[:cut])
    state = whole.snapshot()
    expected = _run(whole, at[cut:], x[cut:])
    other = make(2)
    other.restore(state)

    _same(_run(other, at[cut:], x[cut:]), expected)


def test_a_snapshot_is_plain_and_does_not_change_later(make):
    at, x = _series(300, 2, 1)
    detector = make(1)
    _run(detector, at[:150], x[:150])
    state = detector.snapshot()
    before = {name: array.copy() for name, array in state["arrays"].items()}
    _run(detector, at[150:], x[150:])

    assert set(state) == {"v", "name", "ports", "arrays"}
    for name, array in before.items():
        np.testing.assert_array_equal(array, state["arrays"][name])
        assert array.dtype.kind in "fiub"


def test_a_snapshot_of_another_detector_or_shape_is_refused(make):
    with pytest.raises(ValueError, match="start it anew"):
        make(1).restore({"v": 1, "name": "another", "ports": 0, "arrays": {}})
    with pytest.raises(ValueError, match="snapshot: array"):
        make(2).restore(make(1).snapshot() | {"ports": 4})


def test_a_row_is_scored_before_it_is_learned(make):
    """What follows cannot change a score, and a row that jumps is scored against what was there before it."""
    at, x = _series(520, 2, 2)
    other = x.copy()
    other[500:] += 1_000
    first, second = _run(make(2), at, x), _run(make(2), at, other)

    _same([f[:500] for f in first], [s[:500] for s in second])
    assert (second[0][500] >= first[0][500]).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8])
def test_state_is_bounded_and_small(make, channels):
    detector = make(channels)

    assert detector.bytes_per_port() <= MAX_BYTES
    assert {n for n, a in detector.snapshot()["arrays"].items() if a.dtype.kind == "f" and a.itemsize > 4} == set()


def test_memory_does_not_grow_with_rows(make):
    at, x = _series(640, 4, 2)
    detector = make(2)
    _run(detector, at[:500], x[:500])
    tracemalloc.start()
    _run(detector, at[500:], x[500:])
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert grown < 400_000  # what the scores of this test itself hold, and no more


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e9, -3e38, 0.0])
def test_wild_values_do_no_harm(make, value):
    at, x = _series(540, 2, 3)
    wild = x.copy()
    wild[::7, 0, 1] = value
    wild[450:470, 0] = value
    detector = make(3)
    with np.errstate(all="raise", under="ignore"):
        score, _, _ = _run(detector, at, wild)

    assert np.isfinite(score).all()
    _same([score[:, 1]], [_run(make(3), at, x)[0][:, 1]])  # nor to the other port
    for share in detector.explain(0):
        assert np.isfinite(share.share)


def test_constant_streams_are_quiet_and_a_step_of_a_thousand_million_is_survived(make):
    x = np.full((600, 2, 2), 5.0, np.float32)
    x[520:, 1] += 1e9
    detector = make(2)
    with np.errstate(all="raise", under="ignore"):
        score, alarm, event = _run(detector, np.arange(600) * MINUTE, x)

    assert np.isfinite(score).all()
    assert not alarm[:, 0].any()
    assert not np.isfinite(event[:, 0]).any()


def test_channels_may_be_missing_appear_and_vanish(make):
    at, x = _series(1_150, 2, 3)
    x[:600, 0, 1] = np.nan
    x[900:, 0, 2] = np.nan
    x[:, 1, 0] = np.nan
    with np.errstate(all="raise", under="ignore"):
        score, alarm, _ = _run(make(3), at, x)

    assert np.isfinite(score).all()
    assert alarm.dtype == bool


def _late(before, rows, begins=500):
    """Two channels of plain noise, the second of which says `before` until row `begins`."""
    x = (20 + np.random.default_rng(5).standard_normal((rows, 1, 2))).astype(np.float32)
    x[:begins, 0, 1] = before
    return np.arange(rows) * MINUTE, x


def test_a_healthy_channel_that_appears_late_is_left_alone(make):
    _, alarm, event = _run(make(2), *_late(np.nan, 1_500))

    assert alarm[500:].mean() < 0.1
    assert np.isfinite(event[500:]).mean() < 0.1


def test_a_healthy_channel_that_stood_still_at_first_is_known_after_a_while(make):
    _, alarm, event = _run(make(2), *_late(20.0, 4_000))

    assert alarm[3_000:].mean() < 0.1
    assert np.isfinite(event[3_000:]).mean() < 0.1


@pytest.mark.parametrize("before", [np.nan, 20.0], ids=["missing", "flat"])
def test_a_jump_of_a_channel_that_came_late_is_told_as_that_of_any_other(make, before):
    told = []
    for begins in (0, 500):
        at, x = _late(before, 3_500, begins)
        x[3_400:, 0, 1] += 100
        _, alarm, _ = _run(make(2), at, x)
        told.append(alarm[3_400:3_460].any() and not alarm[3_390:3_400].any())

    assert told[1] >= told[0]


def test_a_jump_of_a_hundred_deviations_is_told(make):
    """Half-space trees see density in a range that grows with the jump, so that they alone do not."""
    at, x = _late(0, 1_500, 0)
    x[1_400:, 0, 1] += 100

    assert _run(make(2), at, x)[1][1_400:1_460].any() or make.name == "half_space"


def test_a_port_without_any_value_has_no_score(make):
    score, alarm, event = _run(make(2), np.arange(500) * MINUTE, np.full((500, 1, 2), np.nan, np.float32))

    assert not score.any()
    assert not alarm.any()
    assert not np.isfinite(event).any()


def test_explanations_name_the_channel_that_moved(make):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((700, 1, 3)).astype(np.float32)
    x[600:, 0, 2] += 15
    detector = make(3)
    _run(detector, np.arange(605) * MINUTE, x[:605])
    shares = detector.explain(0)

    assert shares[0].channel == 2
    assert sum(s.share for s in shares) <= 1.0001
    assert [s.share for s in shares] == sorted((s.share for s in shares), reverse=True)
    assert shares[0].observed == pytest.approx(x[604, 0, 2])


def test_values_that_do_not_fit_are_refused(make):
    with pytest.raises(ValueError, match="do not fit"):
        make(2).update(np.array([0]), np.array([0]), np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match="at least one channel"):
        make(0)


def test_the_suite_sees_every_subclass_that_is_no_base():
    def leaves(cls):
        return {cls} if not cls.__subclasses__() else set().union(*(leaves(c) for c in cls.__subclasses__()))

    ours = {c for c in leaves(Detector) if c.__module__.startswith("models.anomaly")}
    assert ours - {detectors()["ewma"]} <= set(protocol.detectors().values())
