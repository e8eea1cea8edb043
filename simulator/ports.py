"""The fleet as columns: what the physics needs to know of each port and each station, with the spread of real products."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator import noise
from simulator.constants import Constants
from simulator.fleet import Fleet

F4 = NDArray[np.float32]
US = 1_000_000


@dataclass(slots=True)
class Columns:
    """Constants of each port (arrays over ports) and of each station (`s_...`, arrays over stations).

    `first` is the index of each station's first port, for sums over its ports. `contact` is the connector's rise a square
    ampere, K/A^2. `offset_s` is the second of the minute at which a station reads its meters. `temp_offset` holds the
    fixed errors of the sensors: connector, cabinet, ambient.
    """

    ports: int
    station: NDArray[np.int64]
    site: NDArray[np.int64]
    first: NDArray[np.int64]
    dc: NDArray[np.bool_]
    rated_w: F4
    amps: F4
    phases: F4
    contact: F4
    meter_gain: F4
    temp_offset: F4
    noise_key: noise.Keys
    s_limit_w: F4
    s_dc: NDArray[np.bool_]
    s_feeder_ohm: F4
    s_standby_k: F4
    s_rise_k_per_w: F4
    s_offset_s: NDArray[np.int64]

    @classmethod
    def of(cls, fleet: Fleet, constants: Constants) -> "Columns":
        """The columns of `fleet` under `constants`."""
        c, models = constants, [p.model for p in fleet.ports]
        station = fleet.station_of
        names = noise.keys(fleet.seed, "port", fleet.port_names)
        station_names = noise.keys(fleet.seed, "station", [s.station for s in fleet.stations])
        dc = np.array([m.kind == "dc" for m in models])
        amps = np.array([m.amps for m in models], np.float32)
        rise = np.where(dc, c.rise_dc, c.rise_ac) * np.exp(c.rise_spread * noise.normal(names, 1))
        s_models = [s.model for s in fleet.stations]
        s_dc = np.array([m.kind == "dc" for m in s_models])
        s_limit = np.array([m.limit_w for m in s_models], np.float32)
        s_rise = np.where(s_dc, c.rise_cabinet_dc, c.rise_cabinet_ac) * np.exp(0.08 * noise.normal(station_names, 1))
        loss = np.where(s_dc, 1.0 / c.module_efficiency - 1.0, c.ac_loss)
        return cls(
            ports=len(models),
            station=station,
            site=fleet.site_of[station],
            first=np.flatnonzero(np.diff(station, prepend=-1)),
            dc=dc,
            rated_w=np.array([m.rated_w for m in models], np.float32),
            amps=amps,
            phases=np.array([m.phases for m in models], np.float32),
            contact=(rise / amps**2).astype(np.float32),
            meter_gain=(1.0 + 0.002 * noise.normal(names, 2)).astype(np.float32),
            temp_offset=np.stack([c.sensor_offset * noise.normal(names, 3 + k) for k in range(3)]).astype(np.float32),
            noise_key=names,
            s_limit_w=s_limit,
            s_dc=s_dc,
            s_feeder_ohm=np.where(s_dc, c.feeder_ohm_dc, c.feeder_ohm_ac).astype(np.float32),
            s_standby_k=(c.rise_standby * np.exp(0.2 * noise.normal(station_names, 2))).astype(np.float32),
            s_rise_k_per_w=(s_rise / (s_limit * loss)).astype(np.float32),
            s_offset_s=(noise.uniform(station_names, 3) * 60).astype(np.int64),
        )

    def over_station(self, of_ports: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sums over the ports of each station."""
        return np.add.reduceat(of_ports, self.first)
