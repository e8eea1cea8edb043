"""The physical constants of a simulated world, each with its source; one frozen object, so a second world can have others.

Sources in brackets: [TAB] the thermal model of a charging contact and its limits, as published for thermal performance
indices of EV connectors (dT proportional to I^2, time constant of minutes; derating near 90 degC, stop at 120 degC);
[MOD] data sheets of 20 to 30 kW rectifier modules (full power to 55 degC, half at 75 degC; efficiency 95 to 96 %);
[EN] EN 50160 (230 V +-10 %) and IEC 60725 (reference impedance 0.24 ohm a phase at a household); [IEC] IEC 61851-1 and
IEC 62196 (16 and 32 A a phase, pilot duty, temperature rise at most 50 K); [OCPP] the 1.6 specification; [MID] meters of
class B, 1 %; [CAR] public data sheets of vehicles sold 2018 to 2024; [SET] chosen here as a typical value, to be changed freely.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Constants(BaseModel):
    """Everything the physics takes for given. Temperatures in degC or K, times in s, powers in W."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # electrical
    phase_volts: Positive = Field(default=230.0, description="nominal phase voltage [EN]")
    grid_noise: Share = Field(
        default=0.006, description="slow random share of the phase voltage, one standard deviation [SET]"
    )
    grid_daily: Share = Field(
        default=0.010, description="fall of the phase voltage at the evening peak [SET, within EN]"
    )
    phase_spread: Share = Field(
        default=0.003, description="fixed difference between phases, one standard deviation [SET]"
    )
    feeder_ohm_ac: Positive = Field(
        default=0.05, description="supply impedance a phase of an AC station [EN: stronger than a household]"
    )
    feeder_ohm_dc: Positive = Field(
        default=0.008, description="supply impedance a phase of a DC station with its own transformer [SET]"
    )
    power_factor: Share = Field(default=0.99, description="of on-board chargers at load [CAR]")
    ramp_s: Positive = Field(
        default=20.0, description="from contactor closing to full power [SET: DC ramps take 10 to 30 s]"
    )
    ramp_down_s: Positive = Field(default=10.0, description="from full power to none at an orderly stop [SET]")
    onboard_efficiency: Share = Field(default=0.90, description="of on-board chargers, socket to battery [CAR]")
    module_efficiency: Share = Field(default=0.955, description="of rectifier modules [MOD]")
    ac_loss: Share = Field(
        default=0.004, description="share of AC power that heats the cabinet: contactor, meter, terminals [SET]"
    )

    # connector
    rise_dc: Positive = Field(
        default=34.0, description="steady rise of a healthy DC connector at rated current, K [IEC, TAB]"
    )
    rise_ac: Positive = Field(
        default=24.0, description="steady rise of a healthy AC connector at rated current, K [IEC]"
    )
    rise_spread: Share = Field(default=0.10, description="log standard deviation of the rise between connectors [SET]")
    tau_connector: Positive = Field(default=270.0, description="time constant of a connector, s [TAB: minutes]")
    derate_connector: float = Field(
        default=90.0, description="connector temperature at which current is cut back, degC [TAB]"
    )
    stop_connector: float = Field(
        default=120.0, description="connector temperature at which charging stops, degC [TAB]"
    )

    # cabinet
    rise_cabinet_dc: Positive = Field(
        default=22.0, description="steady rise of a DC cabinet at full load and full fan, K [MOD]"
    )
    rise_cabinet_ac: Positive = Field(default=14.0, description="steady rise of an AC cabinet at full load, K [SET]")
    rise_standby: Positive = Field(default=3.0, description="rise of an idle cabinet over ambient, K [SET]")
    tau_cabinet: Positive = Field(
        default=300.0, description="time constant of the hottest heat sink in a cabinet at full fan, s [SET: minutes]"
    )
    fan_max_rpm: Positive = Field(default=4200.0, description="full speed of a cabinet fan [SET]")
    fan_idle: Share = Field(default=0.22, description="share of full speed when idle [SET]")
    fan_from: float = Field(default=28.0, description="cabinet temperature from which the fan speeds up, degC [SET]")
    fan_full: float = Field(
        default=50.0, description="cabinet temperature at which the fan runs at full speed, degC [SET]"
    )
    still_air: Share = Field(default=0.30, description="share of the cooling that is left with the fan standing [SET]")
    derate_cabinet: float = Field(
        default=62.0, description="cabinet temperature from which power is cut back, degC [MOD]"
    )
    zero_cabinet: float = Field(
        default=95.0, description="cabinet temperature at which nothing is delivered, degC [MOD]"
    )

    # meters and sensors: one standard deviation, or the smallest step
    meter_quantum_wh: Positive = Field(default=1.0, description="step of the energy register, Wh [OCPP: integer Wh]")
    volt_noise: Positive = Field(default=0.0008, description="share of the voltage [MID]")
    amp_noise: Positive = Field(default=0.0025, description="share of the current, plus a fixed 0.02 A [MID]")
    temp_noise: Positive = Field(default=0.15, description="K [SET]")
    sensor_offset: Positive = Field(
        default=0.8, description="fixed error of a temperature sensor, K [SET: class B resistance]"
    )
    dropouts_per_day: Annotated[float, Field(ge=0)] = Field(
        default=0.12, description="short gaps of readings a port and day [SET]"
    )

    # weather
    heat_wave: float = Field(default=0.0, description="K added to the ambient temperature everywhere, for trials [SET]")
    weather_spread: Positive = Field(
        default=3.4, description="day-to-day standard deviation of the ambient temperature, K [SET]"
    )

    # what is said outside the channels
    isolation_kohm: Positive = Field(
        default=2_500.0, description="healthy isolation resistance of a DC output, kohm [SET]"
    )
    pilot_volts: Positive = Field(default=6.0, description="control pilot in state C [IEC]")
    closing_ms: Positive = Field(
        default=38.0, description="from command to contact of a contactor, ms [SET: 20 to 60 ms]"
    )
    leakage_ma: Positive = Field(default=1.1, description="residual current of a healthy port with a vehicle, mA [SET]")
    lock_retries: Share = Field(default=0.04, description="further tries that a healthy lock needs, mean [SET]")
    signal_dbm: float = Field(default=-74.0, description="received signal of a modem, mean over places [SET]")
    signal_spread: Positive = Field(default=6.0, description="fixed difference of that between places, dB [SET]")
    memory_kb: Positive = Field(default=46_000.0, description="free memory of a controller [SET]")
    stuck_sensor: float = Field(default=25.0, description="what a stuck temperature sensor says, degC [SET]")
