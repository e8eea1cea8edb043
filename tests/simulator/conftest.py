"""A small network and a driver that steps its physics with everything plugged in."""

from dataclasses import dataclass

import numpy as np
import pytest

from simulator.effects import Effects
from simulator.fleet import Fleet, generate
from simulator.physics import State, Surroundings
from simulator.world import World


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    """Ten stations, twenty ports, every model once at least."""
    return generate(10, seed=5)


@pytest.fixture(scope="session")
def world(fleet: Fleet) -> World:
    """The network in the default world."""
    return World(fleet)


@dataclass
class Bench:
    """All ports of a world side by side under constant surroundings."""

    world: World
    state: State
    out: Surroundings

    def run(
        self, seconds: float, dt: float, fx: Effects | None = None, starting: bool = False, on: bool = True
    ) -> None:
        """Pass `seconds` in steps of `dt` with every port on (or off)."""
        ports = self.world.columns.ports
        active, no = np.full(ports, on), np.zeros(ports, bool)
        for i in range(round(seconds / dt)):
            first = np.full(ports, starting and i == 0)
            self.world.physics.step(self.state, dt, self.out, active, first, no, fx)


@pytest.fixture
def bench(world: World):
    """A factory: every port charges a vehicle of class `vehicle` from `soc`, at 20 degC and 230 V."""

    def make(vehicle: int = 5, soc: float = 0.2, target: float = 1.0, constants=None) -> Bench:
        there = world if constants is None else World(world.fleet, constants)
        ports, stations = there.columns.ports, len(there.fleet.stations)
        state = State.cold(there.columns, there.constants)
        everyone = np.arange(ports)
        low, high = np.full(ports, soc, np.float32), np.full(ports, target, np.float32)
        there.physics.plug_in(state, everyone, np.full(ports, vehicle), low, high)
        out = Surroundings(np.full(stations, 20.0, np.float32), np.full(stations, 230.0, np.float32))
        return Bench(there, state, out)

    return make
