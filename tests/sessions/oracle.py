"""Sessions the slow and obvious way: everything that was told is kept, and every row is worked out from all of it."""

from collections import defaultdict

from schemas.faults import catalogue, code_family
from schemas.sessions import Quality
from schemas.telemetry import Event

VALID = {
    "local": "user", "remote": "user", "ev_disconnected": "user", "stopped_by_ev": "vehicle", None: "user",
}  # fmt: skip
OTHERS = {
    "power_loss": ("grid", "supply", True),
    "hard_reset": ("charger", "controller", True),
    "other": ("unknown", "unknown", True),
    "de_authorized": ("network", None, False),
}
PHASE = {
    "charging": "charging", "suspended_ev": "suspended_ev", "suspended_evse": "suspended_evse", "preparing": "idle",
    "finishing": "idle", "available": "out", "faulted": "out",
}  # fmt: skip


def sessions_of(lines, every=60_000_000):
    """All rows by (port, session_key) that `lines`, in order of arrival, make."""
    by_port = defaultdict(list)
    for n, line in enumerate(lines):
        by_port[line.port].append((n, line))
    rows = {}
    for port, said in by_port.items():
        number = port.rpartition("/")[2]
        if number != "0":
            station = [line for _, line in by_port.get(port.rpartition("/")[0] + "/0", [])]
            rows |= {(port, row["session_key"]): row for row in OnePort(port, said, station, every).rows()}
    return rows


class OnePort:
    def __init__(self, port, said, station, every):
        self.every = every
        self.events = []
        for n, line in said:
            if isinstance(line, Event) and all(
                (line.kind, line.at, line.data) != (e.kind, e.at, e.data) for _, e in self.events
            ):
                self.events.append((n, line))
        self.states = self._states()
        self.faults = [fault for line in [e for _, e in self.events] + station if (fault := fault_in(line))]
        self.tokens = [(e.at, e.data["token"]) for e in station if isinstance(e, Event) and e.kind == "authorize"]
        self.samples = self._samples([line for _, line in said if not isinstance(line, Event)])

    def _states(self):
        found = []
        for n, event in self.events:
            told = event.data.get("status" if event.kind == "status" else "charging_state")
            if event.kind in ("status", "session_update") and told in PHASE:
                found.append((event.at, n, PHASE[told]))
        unique = []
        for state in sorted(found):
            if not any(s[0] == state[0] and s[2] == state[2] for s in unique):
                unique.append(state)
        return [(at, phase) for at, _, phase in unique]

    def _samples(self, readings):
        by_second = {}
        for line in readings:
            values = dict(line.values)
            if not values.keys() & {"power", "energy", "power_offered", "soc", "current_requested"}:
                continue
            by_second[line.at // 1_000_000] = (line.at, values)
        return [by_second[second] for second in sorted(by_second)]

    # -- which sessions there are -------------------------------------------------------------------------------------
    def skeletons(self):
        starts = [(n, e) for n, e in self.events if e.kind == "session_start"]
        ids = [e for _, e in self.events if e.kind == "session_id"]
        sessions = []
        for _, e in starts:
            session = e.data.get("session")
            if session is None:
                session = next((i.data["session"] for i in ids if i.at == e.at), None)
            sessions.append({"session": session, "start": e, "at": e.at, "end": None})
        for _, e in self.events:
            if e.kind == "session_update" and all(s["session"] != e.data["session"] for s in sessions):
                first = min(
                    u.at
                    for _, u in self.events
                    if u.kind == "session_update" and u.data["session"] == e.data["session"]
                )
                sessions.append({"session": e.data["session"], "start": None, "at": first, "end": None})
        sessions.sort(key=lambda s: s["at"])
        ends = sorted((e.at, n, e) for n, e in self.events if e.kind == "session_end")
        nameless = []
        for _, _, e in ends:
            name = e.data.get("session")
            mine = [s for s in sessions if name not in (None, "-1") and s["session"] == name]
            if mine:
                mine[0]["end"] = e
            else:
                nameless.append(e)
        lost = []
        for e in nameless:
            name = None if e.data.get("session") in (None, "-1") else e.data["session"]
            before = [s for s in sessions if s["at"] <= e.at and (name is None or s["session"] is None)]
            if before and before[-1]["end"] is None:
                before[-1]["end"] = e
                before[-1]["session"] = before[-1]["session"] or name
            else:
                lost.append((e, name))
        found = []
        for e, name in lost:
            ended = [min(s["end"].at, e.at) if s["end"] else s["at"] for s in sessions + found if s["at"] < e.at]
            begun = self.came(e.at, max(ended, default=None))
            if begun is not None or name is not None:
                found.append({"session": name, "start": None, "at": e.at if begun is None else begun, "end": e})
        sessions = sorted(sessions + found, key=lambda s: (s["at"], s["session"] or ""))
        for s, after in zip(sessions, [*sessions[1:], None], strict=False):
            self._bound(s, after)
        return sessions

    def came(self, at, after):
        begun, in_use = None, False
        for when, phase in self.states:
            if when < at:
                if phase == "out":
                    in_use = False
                elif not in_use:
                    in_use, begun = True, when
        return None if begun is None or (after is not None and begun < after) else begun

    @staticmethod
    def _bound(s, after):
        s["quality"] = Quality(0) if s["start"] else Quality.START_INFERRED
        s["ended"] = None if s["end"] is None else max(s["end"].at, s["at"])
        if s["end"] is not None and s["end"].at < s["at"]:
            s["quality"] |= Quality.END_BEFORE_START
        s["until"] = s["ended"]
        if after is not None:
            if s["ended"] is None or s["ended"] > after["at"]:
                s["quality"] |= Quality.END_INFERRED if s["ended"] is None else Quality.OVERLAP
                s["ended"] = after["at"]
            s["until"] = min(s["ended"], after["at"] - 1)

    # -- what they come to --------------------------------------------------------------------------------------------
    def rows(self):
        sessions = self.skeletons()
        for i, s in enumerate(sessions):
            before = [other["ended"] for other in sessions[:i]]
            yield self.row(s, before)

    def row(self, s, before):
        newest = max((at for at, _ in self.samples), default=None)
        minute = s["at"] if newest is None else newest // self.every * self.every
        last_state = self.states[-1][0] if self.states else s["at"]
        as_of = s["ended"] if s["ended"] is not None else max(s["at"], minute, last_state)
        until = s["until"] if s["until"] is not None else minute - 1
        row = figures([sample for sample in self.samples if s["at"] <= sample[0] <= until])
        quality = s["quality"] | row.pop("odd")
        start, end = s["start"], s["end"]
        row |= energy(row, meter(start), meter(end))
        quality |= row.pop("odd")
        told, times, charging = self.phases(s["at"], as_of)
        if not told and row["measured_s"]:
            quality |= Quality.STATE_FROM_POWER
            powered = round(row["power_s"] * 1e6)
            times = {"charging": powered, "idle": max(as_of - s["at"] - powered, 0)}
        firsts = [at for at in (charging, row["first_power_at"]) if at is not None]
        outcome, party, family, code = self.verdict(s, row, charging, times)
        token = next((e.data["token"] for e in (start, end) if e is not None and e.data.get("token")), None)
        row |= {
            "session_key": s["session"] or f"at:{s['at']}",
            "session": s["session"],
            "token": token,
            "state": "open" if s["ended"] is None else "closed",
            "outcome": outcome,
            "party": party,
            "fault_family": family,
            "fault_code": code,
            "stop_reason": None if end is None else end.data["reason"],
            "attempt_at": self.attempt(s["at"], token, before),
            "started_at": s["at"],
            "ended_at": s["ended"],
            "as_of": as_of,
            "charging_from": min(firsts, default=None),
            "meter_start_wh": None if meter(start) is None else meter(start) / 1000,
            "meter_end_wh": None if meter(end) is None else meter(end) / 1000,
            "quality": int(quality),
        }
        for name in ("charging", "suspended_ev", "suspended_evse", "idle"):
            row[f"{name}_s"] = times.get(name, 0) / 1e6
        return row

    def phases(self, start, until):
        times = defaultdict(int)
        told, charging = False, None
        for (at, phase), (after, _) in zip(self.states, [*self.states[1:], (2**62, "")], strict=False):
            a, b = max(at, start), min(after, until)
            phase = "idle" if phase == "out" else phase
            if a < b or a == b == start:
                told = told or phase != "idle"
                times[phase] += b - a
            if phase == "charging" and charging is None and after > start and at <= until:
                charging = a
        times["idle"] = until - start - sum(t for name, t in times.items() if name != "idle")
        return told, times, charging

    def attempt(self, start, token, before):
        mine = [at for at, tag in self.tokens if tag == token and abs(at - start) <= 300_000_000]
        if token is not None and mine:
            earlier = [at for at in mine if at <= start]
            return min(max(earlier) if earlier else min(mine), start)
        floor = max([start - 900_000_000, *before])
        plugged, in_use = None, False
        for at, phase in self.states:
            if at <= start:
                if phase != "out" and not in_use:
                    plugged = at
                in_use = phase != "out"
        return plugged if in_use and plugged >= floor else start

    def verdict(self, s, row, charging, times):
        if s["ended"] is None:
            return "open", None, None, None
        if s["end"] is None:
            return "unknown", "unknown", None, None
        reason = s["end"].data["reason"]
        delivered = max(row["energy_register_wh"] or 0, row["energy_integrated_wh"] or 0) >= 100
        tried = delivered or row["first_power_at"] is not None or charging is not None
        near = [f for f in self.faults if abs(f["at"] - s["ended"]) <= 120_000_000]
        if reason in VALID:
            near = [f for f in near if f["strong"] and f["party"] in ("charger", "grid")]
        if near:
            fault = min(
                near,
                key=lambda f: (not f["strong"], f["code"] is None, abs(f["at"] - s["ended"]), f["at"], f["code"] or ""),
            )
            return "cut" if tried else "failed", fault["party"], fault["family"], fault["code"]
        if reason in VALID:
            if delivered:
                return "success", VALID[reason], None, None
            _told, told_times, _ = self.phases(s["at"], s["ended"])
            ev, evse = told_times.get("suspended_ev", 0), told_times.get("suspended_evse", 0)
            return "failed", "vehicle" if ev > evse else "charger" if evse else "unknown", None, None
        party, family, _ = OTHERS[reason]
        return "cut" if tried else "failed", party, family, None


def fault_in(line):
    if not isinstance(line, Event) or line.kind != "status":
        return None
    code, strong = line.data.get("error"), line.data["status"] == "faulted"
    if not strong and code is None:
        return None
    family = code_family().get(code, "unknown")
    party = catalogue()[family].party
    if party == "unknown" and strong:
        party = "charger"
    return {"at": line.at, "family": family, "code": code, "strong": strong, "party": party}


def meter(event):
    value = None if event is None else event.data.get("meter_wh")
    return None if value is None or value < 0 else round(value * 1000)


def figures(samples):
    """Sums over the samples of one session, one after the other."""
    import numpy as np

    row = {
        "samples": len(samples), "register_resets": 0, "odd": Quality(0), "power_max_w": None, "first_power_at": None,
        "last_power_at": None, "soc_start": None, "soc_end": None,
    }  # fmt: skip
    ws = measured = powered = power_ws = offered_us = offered_ws = of_offered = below_offered = asked = below_asked = 0
    last = level = level_at = first_level = None
    summed = values = 0
    for at, told in samples:
        power = told.get("power")
        if power is not None:
            power = float(np.float32(power))
            row["power_max_w"] = max(power, row["power_max_w"] or 0.0)
            if power >= 100:
                row["first_power_at"] = row["first_power_at"] or at
                row["last_power_at"] = at
            if last is not None and at - last[0] <= 300_000_000:
                dt, mean = at - last[0], (last[1] + power) / 2
                part = round(mean * dt)
                ws, measured = ws + part, measured + dt
                if mean >= 100:
                    powered, power_ws = powered + dt, power_ws + part
                offer, wish = last[2], last[3]
                if offer is not None:
                    offered_us, offered_ws, of_offered = (
                        offered_us + dt,
                        offered_ws + round(offer * dt),
                        of_offered + part,
                    )
                    below_offered += dt if offer > 500 and mean < 0.8 * offer else 0
                if wish is not None:
                    target = wish if offer is None else min(wish, offer)
                    asked += dt
                    below_asked += dt if target > 500 and mean < 0.8 * target else 0
            wish = told["voltage"] * told["current_requested"] if "current_requested" in told else None
            last = (at, power, told.get("power_offered"), wish)
        if "energy" in told:
            value = round(told["energy"] * 1000)
            values += 1
            if level is None:
                first_level = level = value
            else:
                rise = value - level
                if rise < -10_000:
                    row["register_resets"] += 1
                    row["odd"] |= Quality.REGISTER_RESET
                    level = value
                elif rise > 1_000_000 + (at - level_at) * 5 // 18:
                    row["odd"] |= Quality.REGISTER_JUMP
                    level = value
                elif rise > 0:
                    summed, level = summed + rise, value
            level_at = at
        if "soc" in told:
            row["soc_start"] = told["soc"] if row["soc_start"] is None else row["soc_start"]
            row["soc_end"] = told["soc"]
    row |= {
        "measured_s": measured / 1e6, "power_s": powered / 1e6,
        "energy_integrated_wh": ws / 3.6e9 if measured else None,
        "power_mean_w": power_ws / powered if powered else None,
        "power_offered_w": offered_ws / offered_us if offered_us else None,
        "offered_share": of_offered / offered_ws if offered_ws else None,
        "below_offered_share": below_offered / offered_us if offered_us else None,
        "below_requested_share": below_asked / asked if asked else None,
        "register": (values, first_level, level, summed),
    }  # fmt: skip
    return row


def energy(row, start, end):
    values, first, level, summed = row.pop("register")
    odd = Quality(0)
    integrated = row["energy_integrated_wh"]
    if values:
        if start is not None:
            values += 1
            summed += first - start if 0 <= first - start <= 100_000_000 else 0
        if end is not None:
            values += 1
            summed += end - level if 0 <= end - level <= 100_000_000 else 0
    told = values > 1
    register, source = None, None
    if start is not None and end is not None and end < start:
        odd |= Quality.METER_BACKWARDS
    elif start is not None and end is not None and not row["register_resets"]:
        register, source = (end - start) / 1000, "meter"
        if told and abs(summed - (end - start)) > max(0.02 * (end - start), 50_000):
            odd |= Quality.REGISTER_DISAGREES
    if register is None and told:
        register, source = summed / 1000, "register"
    if source is None and integrated is not None:
        source = "power"
    best = integrated if register is None else register
    return {"energy_register_wh": register, "energy_wh": best, "energy_source": source, "odd": odd}
