"""Tables of generated histories equal the slow ones, whatever comes late, twice, or in which pieces."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models.uptime.facts as facts_limits
import models.uptime.line as line_limits

_HERE = Path(__file__).parent


def _load(name):
    spec = importlib.util.spec_from_file_location(f"uptime_{name}", _HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


oracle = _load("oracle")
world = _load("conftest")
seeds = st.integers(0, 2**48)


def differences(tables, network, zone="UTC"):
    """What differs from the slow tables, as text."""
    out = []
    for port in network.ports:
        expected = network.rows(port)
        got = tables.availability.get(port, [])
        if got != expected:
            out.append(f"{port} availability: {short(got)}, expected {short(expected)}")
        rolling, days, now = network.rolling(port, zone)
        out += _compare(f"{port} rolling", by_port(tables, "uptime_rolling", port), rolling)
        out += _compare(f"{port} daily", by_port(tables, "uptime_daily", port), days)
        out += _compare(f"{port} now", by_port(tables, "uptime_now", port), {} if now is None else {None: now})
    return out


def by_port(tables, table, port):
    return {(key[1] if len(key) > 1 else None): row for key, row in tables.rows[table].items() if key[0] == port}


def _compare(what, got, expected):
    if got.keys() != expected.keys():
        return [f"{what}: keys {sorted(got)}, expected {sorted(expected)}"]
    out = []
    for key, row in expected.items():
        for name, value in row.items():
            same = got[key][name] == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value)
            if not same:
                out.append(f"{what} {key} {name}: {got[key][name]}, expected {value}")
    return out


def short(rows):
    return [((a - world.T0) / 1e6, None if b is None else (b - world.T0) / 1e6, *rest) for a, b, *rest in rows]


def silences_of(network):
    """(station, onset, raised, cleared) of every silence."""
    return sorted(
        (station, a, a + limit, None if b == oracle.EVER else b)
        for station in network.served
        for a, b, limit in network.silence(station)
    )


def told_silences(alerts):
    found = {}
    for alert in alerts:
        if alert.kind == "silence":
            found[alert.id] = (alert.station, us(alert.onset_at), us(alert.raised_at), us(alert.cleared_at))
    return sorted(found.values())


def us(moment):
    return None if moment is None else round(moment.timestamp() * 1e6)


@settings(max_examples=120, deadline=None)
@given(seeds)
def test_a_history_gives_the_tables_and_silences_of_the_oracle(seed):
    maker = world.Maker(seed)
    lines = maker.arrived()

    played = world.play(lines, cuts=maker.cuts(lines)[0], served=maker.served)

    network = oracle.Network(lines, maker.served)
    assert differences(played.tables, network) == []
    assert told_silences(played.alerts) == silences_of(network)


@settings(max_examples=80, deadline=None)
@given(seeds)
def test_tables_and_alerts_do_not_depend_on_cuts_and_restarts(seed):
    maker = world.Maker(seed)
    lines = maker.arrived(repeats=0.2)
    cuts, restarts = maker.cuts(lines)

    whole = world.play(lines, served=maker.served)
    pieces = world.play(lines, cuts=cuts, restarts=restarts, served=maker.served)

    assert pieces.tables.availability == whole.tables.availability
    assert pieces.tables.rows == whole.tables.rows
    assert alerts_by_port(pieces.alerts) == alerts_by_port(whole.alerts)


def alerts_by_port(alerts):
    return sorted(alerts, key=lambda alert: (alert.port, alert.kind))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=seeds)
def test_nothing_is_lost_by_what_is_no_longer_kept_if_nothing_comes_late(seed, monkeypatch):
    monkeypatch.setattr(line_limits, "MOST", 8)
    monkeypatch.setattr(line_limits, "_KEPT", 4)
    monkeypatch.setattr(facts_limits, "MOST", 9)
    monkeypatch.setattr(facts_limits, "_AT_ONCE", 3)
    maker = world.Maker(seed, late=False)
    lines = [line for line in maker.arrived() if line.received_at - getattr(line, "at", line.received_at) < 5_000_000]

    played = world.play(lines, cuts=maker.cuts(lines)[0], served=maker.served)

    assert differences(played.tables, oracle.Network(lines, maker.served)) == []
