"""What is said outside the channels shows each fault as strongly as its effect says, and nothing of other faults."""

import numpy as np
import pytest

from simulator import values
from simulator.faults import Fault, FaultSet
from simulator.fleet import generate
from simulator.world import World

MOMENTS = (values.while_charging, values.at_start, values.of_station)
FLEET = generate(12, 4)


def _means(world, port, fx):
    """The mean of 400 draws of every value that the port says."""
    rng = np.random.default_rng(0)
    said = [{k: v for one in MOMENTS for k, v in one(world, port, fx, rng.standard_normal).items()} for _ in range(400)]
    return {name: np.mean([row[name] for row in said]) for name in said[0]}


@pytest.mark.parametrize(
    ("variant", "kind", "name", "change"),
    [
        ("contactor_slow", "dc", "contactor_delay", lambda v: v + 0.5 * 150),
        ("contactor_slow", "ac", "contactor_delay", lambda v: v + 0.5 * 150),
        ("leakage", "ac", "residual_current", lambda v: v + 0.5 * 25),
        ("lock_worn", "ac", "lock_retries", lambda v: v + 0.5 * 8),
        ("signal_weak", "dc", "rssi", lambda v: v - 0.5 * 40),
        ("memory_leak", "ac", "free_memory", lambda v: v * (1 - 0.5 * 0.99)),
    ],
)
def test_a_fault_moves_its_value_by_half_of_its_effect_at_half_severity(variant, kind, name, change):
    world = World(FLEET, seed=4)
    port = next(i for i, p in enumerate(FLEET.ports) if p.model.kind == kind)
    faults = FaultSet(FLEET, (Fault(FLEET.port_names[port], variant, 0, severity=0.5),))
    fx = faults.effects(np.full(len(FLEET.ports), 10**6, np.int64))

    healthy, faulty = _means(world, port, None), _means(world, port, fx)

    assert faulty[name] == pytest.approx(change(healthy[name]), rel=0.02)
    assert {k: v for k, v in faulty.items() if k != name} == {k: v for k, v in healthy.items() if k != name}


def test_a_healthy_port_says_what_the_constants_say():
    world = World(FLEET, seed=4)
    port = next(i for i, p in enumerate(FLEET.ports) if p.model.kind == "ac")
    said, con = _means(world, port, None), world.constants

    assert said["pilot_voltage"] == pytest.approx(con.pilot_volts, rel=0.01)
    assert said["residual_current"] == pytest.approx(con.leakage_ma, rel=0.03)
    assert said["lock_retries"] == pytest.approx(con.lock_retries, abs=0.03)
    assert said["contactor_delay"] == pytest.approx(con.closing_ms, rel=0.35)
    assert said["free_memory"] == pytest.approx(con.memory_kb, rel=0.01)
