"""Sessions of generated histories equal the slow ones, whatever comes late, twice, or in which pieces."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

_HERE = Path(__file__).parent


def _load(name):
    spec = importlib.util.spec_from_file_location(f"sessions_{name}", _HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


oracle = _load("oracle")
world = _load("conftest")
seeds = st.integers(0, 2**48)


def differences(rows, expected):
    """What differs, as text: easier to read than two tables."""
    out = [f"missing {key}" for key in expected.keys() - rows.keys()] + [
        f"too much {key}" for key in rows.keys() - expected.keys()
    ]
    for key in rows.keys() & expected.keys():
        for name, value in expected[key].items():
            got = rows[key][name]
            same = got == pytest.approx(value, rel=1e-12) if isinstance(value, float) else got == value
            if not same:
                out.append(f"{key} {name}: {got!r}, expected {value!r}")
    return out


def by_port(alerts):
    """Alerts of one port keep their order; between ports there is none."""
    return sorted(alerts, key=lambda alert: alert.port)


@settings(max_examples=150, deadline=None)
@given(seeds)
@example(6959941)  # the first charging state of a session that goes on is its last one
@example(51484780024778)  # a late end of the session before moves the attempt of the next one
def test_a_history_gives_the_rows_of_the_oracle(seed):
    maker = world.Maker(seed)
    lines = maker.arrived()

    wide = lambda: world.Sessions(keep=400, room=500)  # noqa: E731
    rows = world.play(lines, wide, maker.cuts(lines)[0]).table.rows

    assert differences(rows, oracle.sessions_of(lines)) == []
    assert not any(row["needs_repair"] for row in rows.values())


@settings(max_examples=100, deadline=None)
@given(seeds)
@example(253712819406046)  # an update of a session of which only the end was told moves its start
@example(82954135361673)
def test_rows_and_alerts_do_not_depend_on_cuts_restarts_and_repeats(seed):
    maker = world.Maker(seed, ports=3)
    lines = maker.arrived(repeats=0.3)
    small = lambda: world.Sessions(keep=6, room=9, seen=200, every_s=5)  # noqa: E731
    cuts, restarts = maker.cuts(lines)

    whole = world.play(lines, small)
    pieces = world.play(lines, small, cuts, restarts)

    assert pieces.table.rows == whole.table.rows
    assert by_port(pieces.alerts) == by_port(whole.alerts)


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_with_a_short_ring_a_row_is_exact_or_says_that_it_needs_repair(seed):
    maker = world.Maker(seed, ports=2, sessions=3, lateness=200)
    lines = maker.arrived(repeats=0.2)
    small = lambda: world.Sessions(keep=5, room=8, seen=300, every_s=4)  # noqa: E731

    rows = world.play(lines, small, maker.cuts(lines)[0]).table.rows

    expected = oracle.sessions_of(lines, every=4_000_000)
    assert rows.keys() == expected.keys()
    exact = {key: row for key, row in rows.items() if not row["needs_repair"]}
    assert differences(exact, {key: expected[key] for key in exact}) == []
