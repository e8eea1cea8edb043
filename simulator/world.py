"""One simulated world: a fleet, its physics and surroundings, and the state that a history hands to the live fleet."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.arrivals import Arrivals, Visit
from simulator.constants import Constants
from simulator.fleet import Fleet
from simulator.grid import Grid
from simulator.measure import Sensors
from simulator.physics import Physics, State, Surroundings
from simulator.ports import US, Columns
from simulator.vehicles import Garage
from simulator.weather import Weather

VERSION: Final = 1


@dataclass
class World:
    """What does not change while a simulation runs. `seed` decides who comes; the fleet's own seed decides what stands there."""

    fleet: Fleet
    constants: Constants = field(default_factory=Constants)
    seed: int = 1
    garage: Garage = field(default_factory=Garage.of)

    def __post_init__(self) -> None:
        self.columns = Columns.of(self.fleet, self.constants)
        self.weather = Weather.of([s.place for s in self.fleet.sites], self.fleet.seed, self.constants)
        self.grid = Grid.of(self.fleet, self.constants)
        self.physics = Physics(self.columns, self.constants, self.garage)
        self.sensors = Sensors(self.columns, self.constants, self.grid)
        self.arrivals = Arrivals(self.fleet, self.garage, self.seed)
        self._stations = np.arange(len(self.fleet.stations))

    def surroundings(self, t_us: NDArray[np.int64]) -> Surroundings:
        """Ambient and supply at each station at its own time `t_us`, shape (..., stations)."""
        t_s = t_us / US
        ambient = self.weather.at(t_s, self.fleet.site_of).astype(np.float32)
        return Surroundings(ambient, self.grid.volts(t_s, self._stations).astype(np.float32))

    def on_grid(self, at_us: int, port: int, step_s: int) -> int:
        """The first instant not before `at_us` at which the station of `port` begins a step of `step_s`."""
        offset = int(self.columns.s_offset_s[self.columns.station[port]]) * US
        return -(-(at_us - offset) // (step_s * US)) * (step_s * US) + offset

    def registers(self) -> NDArray[np.float64]:
        """Where the meters stand when the network is first looked at, Wh: some years of use."""
        return np.floor(np.random.default_rng([self.fleet.seed, 0x3E7E]).uniform(2e6, 9e7, self.columns.ports))


@dataclass
class Moment:
    """All that a simulation carries from one instant to the next.

    `at_us` is the instant; `clock_us` how far each station has come (a history ends at each station's own second of the
    minute); `visits` who is at each port (None: nobody), `on` whether the contactor
    is closed, `busy_until` (us) from when a port may take somebody new, `status` what each port last said of itself.
    """

    at_us: int
    clock_us: NDArray[np.int64]
    state: State
    busy_until: NDArray[np.int64]
    on: NDArray[np.bool_]
    visits: list[Visit | None]
    status: list[str]

    @classmethod
    def fresh(cls, world: World, at_us: int) -> "Moment":
        """Nobody there, everything cold, at `at_us`; each station at its own second of the minute."""
        n = world.columns.ports
        return cls(
            at_us=at_us,
            clock_us=at_us + world.columns.s_offset_s * US,
            state=State.cold(world.columns, world.constants, world.registers()),
            busy_until=np.full(n, at_us, np.int64),
            on=np.zeros(n, bool),
            visits=[None] * n,
            status=["available"] * n,
        )

    def save(self, path: Path, world: World) -> None:
        """Write it to `path` (one .npz file, replaced in one go)."""
        visits = [None if v is None else asdict(v) for v in self.visits]
        meta = {
            "v": VERSION,
            "ports": world.fleet.port_names,
            "visits": visits,
            "status": self.status,
            "at_us": self.at_us,
        }
        arrays: dict[str, Any] = {f"state_{k}": a for k, a in self.state.arrays().items()}
        partial = path.with_name(path.name + ".part")
        with partial.open("wb") as f:
            np.savez(
                f, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), clock_us=self.clock_us,
                busy_until=self.busy_until, on=self.on, **arrays,
            )  # fmt: skip
        partial.replace(path)

    @classmethod
    def load(cls, path: Path, world: World) -> "Moment":
        """Read what `save` wrote. ValueError where it is of another fleet or version."""
        with np.load(path, allow_pickle=False) as data:
            meta: dict[str, Any] = json.loads(data["meta"].tobytes())
            if meta["v"] != VERSION or meta["ports"] != world.fleet.port_names:
                raise ValueError(f"{path} holds the state of another fleet or version: remove it to start afresh")
            return cls(
                at_us=meta["at_us"],
                clock_us=data["clock_us"],
                state=State(**{f.name: data[f"state_{f.name}"] for f in fields(State)}),
                busy_until=data["busy_until"],
                on=data["on"],
                visits=[None if v is None else Visit(**v) for v in meta["visits"]],
                status=meta["status"],
            )
