"""A small fleet of charging ports for the tests, with physics of its own and faults on demand."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from models.columns import Batch, Readings

START = 1_767_225_600_000_000  # 2026-01-01T00:00Z


@dataclass
class Fault:
    """From `start_s` on (seconds of the track) at port number `port`: `kind` grows to `size` within `ramp_s`."""

    port: int
    kind: str
    start_s: float
    size: float
    ramp_s: float = 60.0


@dataclass
class Track:
    """Seconds of a fleet: every array is [steps, ports]."""

    dt: float
    at: np.ndarray
    channels: dict[str, np.ndarray]
    charging: np.ndarray


@dataclass
class SmallFleet:
    """DC ports (and AC ports behind them) whose charging, weather and heat come from a seed."""

    dc: int = 8
    ac: int = 4
    seed: int = 1
    charge_share: float = 0.12
    heat: float = 0.0
    """K by which the weather is warmer than ever; may change as the fleet goes on."""
    rng: np.random.Generator = field(init=False)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        n = self.dc + self.ac
        self.names = [f"ST-{i // 2:03d}/{i % 2 + 1}" for i in range(n)]
        self.is_dc = np.arange(n) < self.dc
        self.k = np.where(self.is_dc, self.rng.uniform(2.5e-4, 5.0e-4, n), self.rng.uniform(0.012, 0.025, n))
        self.tau = self.rng.uniform(200, 500, n)
        self.tau_in = self.rng.uniform(700, 1500, n)
        self.gain_in = self.rng.uniform(9, 16, n)
        self.line = self.rng.uniform(228, 236, n)
        self.hot = np.zeros(n)
        self.inside = np.zeros(n)
        self.energy = self.rng.uniform(1e5, 1e6, n)
        self.left = np.zeros(n)
        self.want = np.zeros(n)
        self.vehicle = np.ones(n)
        self.spent = np.zeros(n)
        self.seconds = 0.0

    @property
    def facts(self):
        return {
            name: SimpleNamespace(kind="dc" if dc else "ac", rated_w=150_000.0 if dc else 22_000.0, phases=3)
            for name, dc in zip(self.names, self.is_dc, strict=True)
        }

    def plug_in_all(self):
        """A new vehicle at every port, for most of an hour."""
        n = len(self.names)
        self.left[:], self.spent[:], self.vehicle[:] = 3_300, 0, 1
        self.want[:] = np.where(self.is_dc, np.linspace(150, 250, n), 16)

    def run(self, seconds, dt, faults=()):
        """The next `seconds` of the fleet at steps of `dt`."""
        steps, n = int(seconds / dt), len(self.names)
        names = ["voltage", "current", "power", "current_requested", "energy", "temp_connector", "temp_internal",
                 "temp_ambient", "fan_rpm"]  # fmt: skip
        out = {name: np.empty((steps, n)) for name in names}
        charging = np.empty((steps, n), bool)
        begin = self.seconds
        for i in range(steps):
            self.seconds += dt
            row = self._step(dt, self.seconds - begin, faults)
            charging[i] = row.pop("charging")
            for name in names:
                out[name][i] = row[name]
        at = START + ((begin + dt * (1 + np.arange(steps))) * 1e6).astype(np.int64)
        return Track(dt, at, out, charging)

    def _step(self, dt, now, faults):
        n, rng = len(self.names), self.rng
        hour = self.seconds / 3600 % 24
        ambient = self.heat + 12 + 8 * np.sin(2 * np.pi * (hour - 9) / 24) + 3 * np.sin(self.seconds / 4e5)
        rate = self.charge_share / (1 - self.charge_share) / 2400
        begins = (self.left <= 0) & (rng.random(n) < rate * dt)
        self.left = np.where(begins, rng.uniform(1200, 3600, n), np.maximum(self.left - dt, 0))
        self.want = np.where(
            begins, np.where(self.is_dc, rng.uniform(100, 370, n), rng.choice([10.0, 16.0, 32.0], n)), self.want
        )
        self.vehicle = np.where(begins, rng.normal(1, 0.06, n), self.vehicle)
        self.spent = np.where(begins, 0, self.spent + dt)
        charging = self.left > 0
        taper = np.clip(self.left / 900, 0.25, 1)
        requested = np.where(charging, np.where(self.is_dc, self.want * taper, self.want), 0)
        ramp = np.where(self.is_dc, np.clip(self.spent / 20, 0, 1), 1)
        current = requested * ramp * 0.995
        extra_hot, extra_in, slow_fan, volt_share, register = (
            np.zeros(n),
            np.zeros(n),
            np.ones(n),
            np.ones(n),
            np.ones(n),
        )
        for f in faults:
            grown = np.clip((now - f.start_s) / f.ramp_s, 0, 1)
            if f.kind == "contact":
                extra_hot[f.port] = f.size * grown
            elif f.kind == "cooling":
                extra_in[f.port], slow_fan[f.port] = f.size * grown, 1 - 0.7 * grown
            elif f.kind == "fan":
                slow_fan[f.port] = 1 - f.size * grown
            elif f.kind == "module" and now >= f.start_s:
                current[f.port] *= 1 - f.size
            elif f.kind == "supply":
                volt_share[f.port] = 1 - f.size * grown
            elif f.kind == "meter" and now >= f.start_s:
                register[f.port] = 1 - f.size
        volts = np.where(
            self.is_dc, np.where(charging, 380 + self.spent / 60, 0), self.line * volt_share - current * 0.06
        )
        power = volts * current * np.where(self.is_dc, 1, 3)
        self.hot += (1 - np.exp(-dt / self.tau)) * (self.k * self.vehicle * current**2 - self.hot)
        load = power / np.where(self.is_dc, 150e3, 22e3)
        self.inside += (1 - np.exp(-dt / self.tau_in)) * (self.gain_in * load - self.inside)
        self.energy += power * dt / 3600 * register
        inside = ambient + 4 + self.inside + extra_in
        fan = np.clip((inside - extra_in * 0.5 - 25) * 120, 0, 3000) * slow_fan
        return {
            "charging": charging,
            "voltage": volts + rng.normal(0, 0.4, n),
            "current": np.where(charging, current + rng.normal(0, 0.2, n), 0),
            "power": np.where(charging, power, 0) * (1 + rng.normal(0, 0.002, n)),
            "current_requested": requested,
            "energy": np.floor(self.energy),
            "temp_connector": np.round(ambient + 1 + self.hot + extra_hot + rng.normal(0, 0.3, n), 1),
            "temp_internal": np.round(inside + rng.normal(0, 0.3, n), 1),
            "temp_ambient": np.round(np.full(n, ambient) + rng.normal(0, 0.2, n), 1),
            "fan_rpm": np.round(fan + np.where(fan > 0, rng.normal(0, 20, n), 0)),
        }


def batches(fleet, track, idle_s=60.0, charge_s=10.0, rows=20_000, origin=0):
    """The readings of a track as batches of at most `rows`, in order of time."""
    idle_every, charge_every = max(int(idle_s / track.dt), 1), max(int(charge_s / track.dt), 1)
    step = np.arange(len(track.at))
    phase = np.arange(len(fleet.names))
    keep = np.where(
        track.charging, (step[:, None] + phase) % charge_every == 0, (step[:, None] + phase) % idle_every == 0
    )
    i, port = np.nonzero(keep)
    at = track.at[i]
    n = len(at)
    readings = Readings(
        port=port.astype(np.int32),
        at=at,
        received_at=at + 200_000,
        origin=origin + np.arange(n),
        seq=np.arange(n),
        flags=np.zeros(n, np.uint8),
        channels={name: v[i, port].astype("f8" if name == "energy" else "f4") for name, v in track.channels.items()},
    )
    for a in range(0, n, rows):
        part = readings.take(slice(a, a + rows))
        yield Batch(0, int(part.origin[0]), int(part.origin[-1]), int(part.received_at[-1]), fleet.names, part)


@pytest.fixture(scope="session")
def tools():
    """The fleet and what goes with it."""
    return SimpleNamespace(SmallFleet=SmallFleet, Fault=Fault, batches=batches, START=START)
