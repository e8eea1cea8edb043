"""From totals and marks to rows of `charging_session`."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.sessions.assemble import Draft
from models.sessions.energy import NONE, Totals
from models.sessions.facts import Authorisation, Phase
from models.sessions.judge import Course, Verdict
from models.sessions.port import Port
from schemas.sessions import DELIVERED_WH, Quality, StartMode

ATTEMPT_US: Final = 300_000_000
"""An authorisation belongs to a start of the same token within this time (ChargeX)."""
PLUGGED_US: Final = 900_000_000
"""A port taken into use at most this long before a start was taken into use for it."""

_TAIL_MWH: Final = 100_000_000
_DISAGREES: Final = (0.02, 50_000)
_SOURCES: Final = np.array([None, "meter", "register", "power"], object)


class Told(NamedTuple):
    """What the row of a session says of its marks and states; times in microseconds (NONE: unknown), registers in mWh.

    `times` are by phase, up to `since`; after that the session is in `phase`. `charging_state`: whether one was told up to then.
    """

    connector: int | None
    key: str
    session: str | None
    token: str | None
    stop_reason: str | None
    start_mode: StartMode | None
    attempt_at: int
    started_at: int
    ended_at: int
    charging_from: int
    meter_start: int
    meter_end: int
    quality: int
    since: int
    phase: int
    times: list[int]
    charging_state: bool


def told_of(port: Port, draft: Draft) -> Told:
    """What marks and states tell of a session."""
    last = port.states[-1].at if port.states else draft.started_at
    since = max(draft.started_at, last) if draft.ended_at is None else draft.ended_at
    times, charging_state = port.phase_times(draft, since)
    attempt_at, mode = attempt_of(port, draft)
    start, end = draft.start, draft.end
    charging = port.first_charging(draft, since)
    return Told(
        connector=next((m.connector for m in draft.marks if m.connector is not None), None),
        key=draft.key,
        session=draft.session,
        token=next((m.token for m in draft.marks if m.token is not None), None),
        stop_reason=None if end is None else end.reason,
        start_mode=mode,
        attempt_at=attempt_at,
        started_at=draft.started_at,
        ended_at=NONE if draft.ended_at is None else draft.ended_at,
        charging_from=NONE if charging is None else charging,
        meter_start=NONE if start is None or start.meter is None else start.meter,
        meter_end=NONE if end is None or end.meter is None else end.meter,
        quality=draft.quality,
        since=since,
        phase=port.states[-1].phase % Phase.OUT if port.states else Phase.IN_USE,
        times=times,
        charging_state=charging_state,
    )


class Figures:
    """The figures of sessions as columns; `told[i]` and `totals[i]` are of session i, `until` where the row of it goes to."""

    def __init__(self, told: Sequence[Told], totals: Totals, until: NDArray[np.int64]) -> None:
        self.told, self.totals, self.until = told, totals, until
        columns = [np.array(column) for column in list(zip(*told, strict=True))[6:]]
        (self.attempt_at, self.started_at, self.ended_at, self.charging_from, self.meter_start, self.meter_end,
         self.quality, since, phase, self.times, self.charging_state) = columns  # fmt: skip
        self.quality, self.times = self.quality.copy(), self.times.copy()
        self.charging_state = self.charging_state.copy()
        self.times[np.arange(len(told)), phase] += until - since
        self.charging_state |= (until > since) & (phase != Phase.IN_USE)
        self._weigh_energy()
        self._time_by_power()

    def _weigh_energy(self) -> None:
        """Start and end register where both are told and the register is unbroken; else what the readings add up to."""
        totals, start, end = self.totals, self.meter_start, self.meter_end
        self.integrated = _ratio(totals["ws"], np.where(totals["measured"] > 0, 3.6e9, 0))
        has_start, has_end, read = start != NONE, end != NONE, totals["reg_n"] > 0
        head = np.where(has_start & read, totals["reg_first"] - np.where(has_start, start, 0), 0)
        tail = np.where(has_end & read, np.where(has_end, end, 0) - totals["reg_level"], 0)
        summed = totals["reg_sum"] + _plausible(head) + _plausible(tail)
        counted = read & (totals["reg_n"] + has_start + has_end > 1)
        both = has_start & has_end
        across = np.where(both, np.where(both, end, 0) - np.where(both, start, 0), 0)
        backwards = both & (across < 0)
        metered = both & ~backwards & (totals["resets"] == 0)
        disagrees = metered & counted & (np.abs(summed - across) > np.maximum(_DISAGREES[0] * across, _DISAGREES[1]))
        for odd, bit in (
            (totals["resets"] > 0, Quality.REGISTER_RESET), (totals["jumps"] > 0, Quality.REGISTER_JUMP),
            (backwards, Quality.METER_BACKWARDS), (disagrees, Quality.REGISTER_DISAGREES),
        ):  # fmt: skip
            self.quality |= np.where(odd, int(bit), 0)
        self.register = np.where(metered, across / 1000, np.where(counted, summed / 1000, np.nan))
        self.energy = np.where(np.isnan(self.register), self.integrated, self.register)
        source = np.where(metered, 1, np.where(counted, 2, np.where(np.isnan(self.integrated), 0, 3)))
        self.source: list[str | None] = _SOURCES[source].tolist()

    def _time_by_power(self) -> None:
        """Where no charging state was told, charging is when power flows."""
        by_power = ~self.charging_state & (self.totals["measured"] > 0)
        if by_power.any():
            powered = self.totals["powered"][by_power]
            self.times[by_power] = 0
            self.times[by_power, Phase.CHARGING] = powered
            self.times[by_power, Phase.IN_USE] = (self.until - self.started_at)[by_power] - powered
            self.quality |= np.where(by_power, int(Quality.STATE_FROM_POWER), 0)
        np.maximum(self.times, 0, out=self.times)

    def course(self, i: int) -> Course:
        """What the judge looks at in session i."""
        delivered = bool(self.register[i] >= DELIVERED_WH or self.integrated[i] >= DELIVERED_WH)
        tried = bool(self.totals["first_power_at"][i] != NONE or self.charging_from[i] != NONE)
        times = self.told[i].times
        return Course(delivered, delivered or tried, times[Phase.SUSPENDED_EV], times[Phase.SUSPENDED_EVSE])

    def columns(
        self, verdicts: Sequence[Verdict], rated: NDArray[np.float32], repair: Sequence[bool]
    ) -> dict[str, Any]:
        """The columns of `charging_session`: times and integers as int64 (the least value is NULL), numbers as floats (NaN is NULL)."""
        t, told = self.totals, list(zip(*self.told, strict=True))
        outcome, party, family, code, valid, _ = zip(*verdicts, strict=True)
        mean = _ratio(t["power_ws"], t["powered"])
        first = np.where(t["first_power_at"] == NONE, self.charging_from, t["first_power_at"])
        return {
            "connector": list(told[0]),
            "session_key": list(told[1]),
            "session": list(told[2]),
            "token": list(told[3]),
            "state": ["open" if ended == NONE else "closed" for ended in told[8]],
            "outcome": list(outcome),
            "party": list(party),
            "stop_reason": list(told[4]),
            "valid_stop": list(valid),
            "fault_family": list(family),
            "fault_code": list(code),
            "start_mode": list(told[5]),
            "attempt_at": self.attempt_at,
            "started_at": self.started_at,
            "charging_from": np.where(self.charging_from == NONE, first, np.minimum(first, self.charging_from)),
            "first_power_at": t["first_power_at"].copy(),
            "last_power_at": t["last_power_at"].copy(),
            "ended_at": self.ended_at,
            "as_of": self.until,
            "charging_s": self.times[:, Phase.CHARGING] / 1e6,
            "suspended_ev_s": self.times[:, Phase.SUSPENDED_EV] / 1e6,
            "suspended_evse_s": self.times[:, Phase.SUSPENDED_EVSE] / 1e6,
            "idle_s": self.times[:, Phase.IN_USE] / 1e6,
            "energy_wh": self.energy,
            "energy_source": self.source,
            "energy_register_wh": self.register,
            "energy_integrated_wh": self.integrated,
            "meter_start_wh": np.where(self.meter_start == NONE, np.nan, self.meter_start / 1000),
            "meter_end_wh": np.where(self.meter_end == NONE, np.nan, self.meter_end / 1000),
            "measured_s": t["measured"] / 1e6,
            "power_s": t["powered"] / 1e6,
            "power_max_w": t["peak"].astype(np.float64),
            "power_mean_w": mean,
            "power_offered_w": _ratio(t["offered_ws"], t["offered_us"]),
            "power_rated_w": rated.astype(np.float64),
            "offered_share": _ratio(t["of_offered_ws"], t["offered_ws"]),
            "rated_share": mean / np.where(rated > 0, rated, np.nan),
            "below_offered_share": _ratio(t["below_offered"], t["offered_us"]),
            "below_requested_share": _ratio(t["below_requested"], t["requested_us"]),
            "soc_start": t["soc_first"].astype(np.float64),
            "soc_end": t["soc_last"].astype(np.float64),
            "samples": t["n"].copy(),
            "register_resets": t["resets"].copy(),
            "quality": self.quality,
            "needs_repair": np.array(repair, np.bool_),
        }


def attempt_of(port: Port, draft: Draft) -> tuple[int, StartMode | None]:
    """When the driver began to try, and how: authorised, or plugged in; else the start itself."""
    start, ledger = draft.started_at, draft.lead.ledger
    authorised = None if ledger is None else ledger.authorised
    earlier = [other.ended_at for other in port.sessions if other is not draft and other.started_at < start]
    floor = max([start - PLUGGED_US, *(at for at in earlier if at is not None)])
    plugged = port.taken_into_use(start + 1, floor) if port.in_use_at(start) else None
    trigger = "".join(c for c in (draft.start.trigger or "").lower() if c.isalnum()) if draft.start else ""
    mode: StartMode | None = None
    if trigger == "remotestart":
        mode = "request_start"
    elif authorised is not None:
        mode = "post_plugin" if plugged is not None and plugged <= authorised else "pre_plugin"
    elif trigger == "cablepluggedin" or plugged is not None:
        mode = "post_plugin"
    at = authorised if authorised is not None else plugged
    return (start if at is None else min(at, start)), mode


def authorised_at(draft: Draft, attempts: Iterable[Authorisation]) -> int | None:
    """The authorisation that belongs to a session: of its token, the last one before its start, else the first after it."""
    start, ledger = draft.started_at, draft.lead.ledger
    tokens = {mark.token for mark in draft.marks} - {None}
    mine = [a.at for a in attempts if a.token in tokens]
    if ledger is not None and ledger.authorised is not None:
        mine.append(ledger.authorised)
    mine = [at for at in mine if abs(at - start) <= ATTEMPT_US]
    before = [at for at in mine if at <= start]
    return max(before) if before else min(mine, default=None)


def joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Columns of several writes, one behind the other."""
    if len(parts) == 1:
        return parts[0]
    return {
        name: np.concatenate([part[name] for part in parts])
        if isinstance(parts[0][name], np.ndarray)
        else [value for part in parts for value in part[name]]
        for name in parts[0]
    }


def _plausible(rise: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where((rise >= 0) & (rise <= _TAIL_MWH), rise, 0)


def _ratio(part: Any, whole: Any) -> NDArray[np.float64]:
    """`part / whole`, NaN where `whole` is 0."""
    whole = np.asarray(whole, np.float64)
    return np.asarray(part, np.float64) / np.where(whole > 0, whole, np.nan)
