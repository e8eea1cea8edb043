import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import noise
from simulator.effects import Effects
from simulator.faults import Fault, FaultSet
from simulator.fleet import generate
from simulator.physics import State, Surroundings
from simulator.variants import VARIANTS
from simulator.vehicles import VEHICLES
from simulator.world import World

HOUR = 3600


def test_temperatures_do_not_depend_on_the_step_length(bench):
    short, long = bench(), bench()

    short.run(1800, 1.0, starting=True)
    long.run(1800, 60.0, starting=True)

    np.testing.assert_allclose(long.state.rise, short.state.rise, atol=0.35)
    np.testing.assert_allclose(long.state.s_rise, short.state.s_rise, atol=0.35)


def test_energy_does_not_depend_on_the_step_length(bench):
    short, long = bench(), bench()

    short.run(2400, 1.0, starting=True)
    long.run(2400, 60.0, starting=True)

    assert (short.state.register > 500).all()
    np.testing.assert_allclose(long.state.register, short.state.register, rtol=0.004)
    np.testing.assert_allclose(long.state.soc, short.state.soc, atol=0.004)


def test_cooling_is_solved_exactly_whatever_the_step(bench):
    warm = bench()
    warm.run(1800, 30.0)
    other = State(**{name: array.copy() for name, array in warm.state.arrays().items()})
    once = type(warm)(warm.world, other, warm.out)
    everyone = np.arange(warm.world.columns.ports)
    for state in (warm.state, other):
        warm.world.physics.leave(state, everyone)

    warm.run(600, 1.0, on=False)
    once.run(600, 600.0, on=False)

    np.testing.assert_allclose(other.rise, warm.state.rise, rtol=1e-3, atol=1e-3)


def test_everything_returns_to_the_ambient_temperature_when_nothing_flows(bench):
    warm = bench()
    warm.run(HOUR, 60.0)
    warm.world.physics.leave(warm.state, np.arange(warm.world.columns.ports))

    warm.run(4 * HOUR, 60.0, on=False)

    np.testing.assert_allclose(warm.state.rise, 0.0, atol=0.01)
    np.testing.assert_allclose(warm.state.s_rise, warm.world.columns.s_standby_k, atol=0.05)


def test_a_connector_settles_at_the_published_square_law(bench):
    hot = bench(vehicle=6, soc=0.05)
    hot.run(5 * 60, 1.0)
    amps_before = hot.state.amps.copy()
    hot.run(60, 1.0)
    steady = np.abs(hot.state.amps - amps_before) < 0.02 * hot.state.amps
    hot.run(30 * 60, 1.0)
    still = steady & (np.abs(hot.state.amps - amps_before) < 0.02 * hot.state.amps)

    assert still.any()
    expected = hot.world.columns.contact * hot.state.amps**2
    np.testing.assert_allclose(hot.state.rise[still], expected[still], rtol=0.03)


@settings(max_examples=40, deadline=None)
@given(
    vehicle=st.lists(st.integers(0, len(VEHICLES) - 1), min_size=20, max_size=20),
    soc=st.lists(st.floats(0.0, 0.98), min_size=20, max_size=20),
    steps=st.lists(st.sampled_from([1.0, 2.0, 7.5, 10.0, 60.0]), min_size=1, max_size=40),
    volts=st.floats(200, 250),
    ambient=st.floats(-25, 48),
)
def test_the_register_is_the_integral_of_power_and_limits_hold(vehicle, soc, steps, volts, ambient):
    world = World(generate(10, seed=5))
    columns, state = world.columns, State.cold(world.columns, world.constants)
    everyone, no = np.arange(columns.ports), np.zeros(columns.ports, bool)
    world.physics.plug_in(
        state, everyone, np.array(vehicle), np.array(soc, np.float32), np.ones(columns.ports, np.float32)
    )
    out = Surroundings(np.full(10, ambient, np.float32), np.full(10, volts, np.float32))
    integral = np.zeros(columns.ports)
    for dt in steps:
        on = ~state.done
        before, register = state.power * on, state.register.copy()
        world.physics.step(state, dt, out, np.ones(columns.ports, bool), no, no)
        integral += (before + state.power) * 0.5 * dt / 3600
        assert (state.register >= register).all()
        assert (state.power <= columns.rated_w * 1.06 + 1).all()
        assert (columns.over_station(state.power) <= columns.s_limit_w * 1.0001 + 1).all()
        assert (state.power <= state.wanted + 1).all()
        assert ((state.soc >= 0) & (state.soc <= 1)).all()

    np.testing.assert_allclose(state.register, integral * columns.meter_gain, rtol=1e-5, atol=1e-3)


UNTOUCHED = {
    "contact_wear": {"power", "amps", "volts", "register", "s_rise", "s_supply", "soc", "offered"},
    "fan_slow": {"power", "amps", "volts", "register", "rise", "s_supply", "soc", "offered"},
    "filter_clogged": {"power", "amps", "volts", "register", "rise", "s_supply", "soc", "offered"},
    "meter_stuck": {"power", "amps", "volts", "rise", "s_rise", "s_supply", "soc", "offered"},
    "contactor_welded": {"power", "amps", "volts", "register", "rise", "s_rise", "s_supply", "soc", "offered"},
    "isolation_low": {"power", "amps", "volts", "register", "rise", "s_rise", "s_supply", "soc", "offered"},
    "module_lost": {"volts", "s_supply"},
    "phase_lost": {"volts"},
    "derated": {"volts"},
}
TOUCHED = {
    "contact_wear": "rise", "fan_slow": "s_rise", "filter_clogged": "s_rise", "meter_stuck": "register",
    "module_lost": "power", "phase_lost": "power", "derated": "power",
}  # fmt: skip


@pytest.mark.parametrize("variant", sorted(UNTOUCHED))
def test_a_fault_changes_what_it_should_and_nothing_else(bench, fleet, variant):
    fits = [p for p in fleet.ports if _fits(fleet, p.port, variant)]
    port = next((p for p in fits if p.model.ports > 1), fits[0]).port
    fault = Fault(port, variant, 0, severity=0.9 if variant in ("derated", "fan_slow") else 0.45)
    faults = FaultSet(fleet, (fault,))
    fx = faults.effects(np.full(len(fleet.ports), 10, np.int64))
    healthy, broken = bench(soc=0.05), bench(soc=0.05)

    healthy.run(600, 10.0)
    broken.run(600, 10.0, fx)

    concerned = np.isin(np.arange(len(fleet.ports)), faults.rows(fault))
    before, after = healthy.state.arrays(), broken.state.arrays()
    alone = fleet.station_of != fleet.station_of[fleet.index[port]]
    for name, array in before.items():
        if not name.startswith("s_"):
            np.testing.assert_array_equal(after[name][alone], array[alone], err_msg=f"{name} of other stations")
        if name in UNTOUCHED[variant] and variant not in ("module_lost", "phase_lost", "derated"):
            np.testing.assert_allclose(after[name], array, rtol=1e-6, err_msg=name)
    if variant in TOUCHED:
        name = TOUCHED[variant]
        where = fleet.station_of[fleet.index[port]] if name.startswith("s_") else concerned
        assert (np.abs(after[name][where] / before[name][where] - 1) > 0.15).all()


def _fits(fleet, port: str, variant: str) -> bool:
    try:
        FaultSet(fleet, (Fault(port, variant, 0),))
    except ValueError:
        return False
    return True


def test_every_variant_fits_somewhere_and_names_a_family_of_the_catalogue(fleet):
    for name in VARIANTS:
        somewhere = [p.port for p in fleet.ports if _fits(fleet, p.port, name)]
        assert somewhere, name
        assert Fault(somewhere[0], name, 0).label().fault == VARIANTS[name].family


def test_a_fault_where_it_cannot_be_is_refused_by_name(fleet):
    ac = next(p.port for p in fleet.ports if p.model.kind == "ac")

    with pytest.raises(ValueError, match=f"module_lost cannot happen at {ac}"):
        FaultSet(fleet, (Fault(ac, "module_lost", 0),))
    with pytest.raises(ValueError, match="no such port"):
        FaultSet(fleet, (Fault("nowhere/1", "contact_wear", 0),))
    with pytest.raises(ValueError, match="'rust' is not known"):
        FaultSet(fleet, (Fault(ac, "rust", 0),))


def test_a_slow_fault_grows_and_ends(fleet):
    port = fleet.ports[0].port
    minute = 60_000_000
    faults = FaultSet(fleet, (Fault(port, "contact_wear", 10 * minute, 30 * minute, severity=0.5, ramp_s=600),))

    def contact(at: int) -> float:
        fx = faults.effects(np.full(len(fleet.ports), at, np.int64))
        return 1.0 if fx is None else float(fx.contact[0])

    assert [contact(m * minute) for m in (9, 10, 15, 20, 29, 30)] == pytest.approx([1, 1, 2, 3, 3, 1])


def test_two_faults_of_one_kind_after_each_other_both_act(fleet):
    port = fleet.ports[0].port
    faults = FaultSet(fleet, (Fault(port, "contact_wear", 0, 10), Fault(port, "contact_wear", 20, 30)))

    contact = [faults.effects(np.full(len(fleet.ports), t, np.int64)) for t in (5, 25)]

    assert [float(fx.contact[0]) for fx in contact if fx] == [5.0, 5.0]


def test_effects_of_no_fault_are_neutral(bench):
    plain, neutral = bench(), bench()

    plain.run(300, 10.0)
    neutral.run(300, 10.0, Effects.none(plain.world.columns.ports))

    for name, array in plain.state.arrays().items():
        np.testing.assert_allclose(neutral.state.arrays()[name], array, rtol=1e-5, err_msg=name)


def test_noise_is_the_same_however_it_is_asked_for():
    keys = noise.keys(3, "x", [f"p{i}" for i in range(50)])
    times = np.linspace(0, 1e6, 400)

    grid = noise.smooth(keys[None, :], times[:, None], 1000.0)
    single = np.array(
        [[noise.smooth(keys[j : j + 1], times[i : i + 1], 1000.0)[0] for j in range(5)] for i in range(9)]
    )

    np.testing.assert_array_equal(grid[:9, :5], single)
    values = noise.normal(keys[:, None], np.arange(4000)[None, :])
    assert abs(values.mean()) < 0.01
    assert values.std() == pytest.approx(1.0, abs=0.01)
    assert abs(np.corrcoef(values[0], values[1])[0, 1]) < 0.06


def test_the_weather_has_seasons_and_days(world):
    days = np.arange(0, 365 * 24) * 3600.0 + 1_735_689_600
    berlin = world.weather.at(days, np.zeros(1, np.int64))
    january, july = berlin[: 31 * 24].mean(), berlin[181 * 24 : 212 * 24].mean()
    by_hour = berlin.reshape(365, 24).mean(axis=0)

    assert 12 < july - january < 28
    assert by_hour.argmax() in (13, 14, 15)
    assert -25 < berlin.min() < berlin.max() < 42
