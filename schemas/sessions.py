"""Charging sessions: what a row of `charging_session` says, why a session may end, and who answers for it.

A session is one transaction at one port: from the start that the charger reported to its end. `session_key` is the
transaction id where one is known, else ``at:<start in microseconds>``.
"""

from enum import IntFlag
from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.faults import Party

SessionState = Literal["open", "closed"]
Outcome = Literal["open", "success", "failed", "cut", "unknown"]
"""`success`: ended by user, vehicle or a limit, and energy flowed. `failed`: no energy to speak of. `cut`: energy flowed
and something else ended it. `unknown`: nobody said how it ended."""

EnergySource = Literal["meter", "register", "power"]
"""`meter`: start and end register of the transaction; `register`: put together from readings; `power`: integrated."""

StartMode = Literal["request_start", "pre_plugin", "post_plugin"]
"""How it was begun, as ChargeX counts attempts: by a remote request, authorised before or after plugging in."""

DELIVERED_WH: Final = 100.0
"""Energy below which a session counts as none delivered (kwwhat's threshold, 0.1 kWh)."""
POWER_W: Final = 100.0
"""Power from which energy is flowing."""


class Quality(IntFlag):
    """What to know before trusting the figures of a session."""

    START_INFERRED = 1
    """No start was reported; the first sign of the session stands for it."""
    END_INFERRED = 2
    """No end was reported; the next start closed it."""
    OVERLAP = 4
    """The reported end lies behind the next start; the session was closed there."""
    END_BEFORE_START = 8
    """The reported end lies before the start; the start stands for both."""
    METER_BACKWARDS = 16
    """The end register is below the start register."""
    REGISTER_RESET = 32
    """The register fell during the session."""
    REGISTER_JUMP = 64
    """The register rose by more than a megawatt could have; that step is not counted."""
    REGISTER_DISAGREES = 128
    """The registers of start and end differ from the readings' by more than 2 % and 50 Wh."""
    STATE_FROM_POWER = 256
    """No charging state was reported; times come of the power."""
    OFFLINE = 512
    """Reported after the fact by a charger that had been offline."""


class Reason(NamedTuple):
    """What a stop reason means: `valid` end (ChargeX), who caused it, the fault family it points to, whether rule
    "fault in mid-session" of the adjustment rules applies to it by itself (`charger_side`)."""

    valid: bool
    party: Party
    family: str | None = None
    charger_side: bool = False


REASONS: Final[dict[str, Reason]] = {
    "local": Reason(True, "user"),
    "remote": Reason(True, "user"),
    "ev_disconnected": Reason(True, "user"),
    "energy_limit_reached": Reason(True, "user"),
    "time_limit_reached": Reason(True, "user"),
    "local_out_of_credit": Reason(True, "user"),
    "soc_limit_reached": Reason(True, "vehicle"),
    "stopped_by_ev": Reason(True, "vehicle"),
    "de_authorized": Reason(False, "network"),
    "master_pass": Reason(False, "user"),
    "timeout": Reason(False, "user"),
    "unlock_command": Reason(False, "network"),
    "soft_reset": Reason(False, "network"),
    "emergency_stop": Reason(False, "user", "emergency_stop"),
    "hard_reset": Reason(False, "charger", "controller", True),
    "immediate_reset": Reason(False, "charger", "controller", True),
    "reboot": Reason(False, "charger", "controller", True),
    "ground_fault": Reason(False, "charger", "ground_fault", True),
    "overcurrent_fault": Reason(False, "charger", "overcurrent", True),
    "power_loss": Reason(False, "grid", "supply", True),
    "power_quality": Reason(False, "grid", "supply", True),
    "other": Reason(False, "unknown", "unknown", True),
}
"""OCPP 1.6 and 2.0.1 stop reasons in snake case (domain: ChargeX valid stops; adjustment rule fault_midsession)."""

_COMPACT: Final = {name.replace("_", ""): reason for name, reason in REASONS.items()}


@lru_cache(1024)
def reason_of(text: str | None) -> Reason:
    """The meaning of a stop reason in any spelling; none said means `local` (OCPP 1.6), an unknown one means `other`."""
    if not text:
        return REASONS["local"]
    return _COMPACT.get("".join(c for c in text.lower() if c.isalnum()), REASONS["other"])


class ChargingSession(BaseModel):
    """One row of `charging_session`. Figures of an open session go up to `as_of`; seconds and watts unless named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connector: int | None = None
    session_key: Annotated[str, Field(description="transaction id, else at:<start in microseconds>")]
    session: Annotated[str | None, Field(description="transaction id")] = None
    token: Annotated[str | None, Field(description="keyed hash of the RFID or contract id")] = None
    state: SessionState
    outcome: Outcome
    party: Annotated[Party | None, Field(description="who ended it, or answers for its failure")] = None
    stop_reason: str | None = None
    valid_stop: Annotated[bool | None, Field(description="a valid end as ChargeX counts; none while open")] = None
    fault_family: str | None = None
    fault_code: str | None = None
    start_mode: StartMode | None = None
    attempt_at: Annotated[AwareDatetime, Field(description="authorisation or plugging in; else the start")]
    started_at: AwareDatetime
    charging_from: Annotated[AwareDatetime | None, Field(description="first charging state or first power")] = None
    first_power_at: Annotated[AwareDatetime | None, Field(description="first reading of 100 W or more")] = None
    last_power_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    as_of: AwareDatetime
    charging_s: float
    suspended_ev_s: Annotated[float, Field(description="connected, the vehicle takes nothing")]
    suspended_evse_s: Annotated[float, Field(description="connected, the charger offers nothing")]
    idle_s: Annotated[float, Field(description="the rest of the time between start and end")]
    energy_wh: Annotated[float | None, Field(description="the best figure; energy_source says which")] = None
    energy_source: EnergySource | None = None
    energy_register_wh: float | None = None
    energy_integrated_wh: float | None = None
    meter_start_wh: float | None = None
    meter_end_wh: float | None = None
    measured_s: Annotated[
        float, Field(description="time covered by power readings not further apart than the gap limit")
    ]
    power_s: Annotated[float, Field(description="part of measured_s with 100 W or more")]
    power_max_w: float | None = None
    power_mean_w: Annotated[float | None, Field(description="over power_s")] = None
    power_offered_w: Annotated[
        float | None, Field(description="mean while offered and delivered power are both known")
    ] = None
    power_rated_w: float | None = None
    offered_share: Annotated[
        float | None, Field(description="energy delivered of the energy offered, 0..1 and above")
    ] = None
    rated_share: Annotated[float | None, Field(description="mean power of the rated power")] = None
    below_offered_share: Annotated[float | None, Field(description="share of time below 80 % of the offered power")] = (
        None
    )
    below_requested_share: Annotated[
        float | None, Field(description="share of time below 80 % of the least of requested, offered and rated power")
    ] = None
    soc_start: float | None = None
    soc_end: float | None = None
    samples: Annotated[int, Field(description="seconds that carry a reading")]
    register_resets: int
    quality: Annotated[int, Field(description="bits of Quality")]
    needs_repair: Annotated[bool, Field(description="data came too late to be counted exactly")]
    version: Annotated[int, Field(description="version of the operator that made the row")]
