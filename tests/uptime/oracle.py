"""Availability the slow and obvious way: all that was told is kept, and each moment is judged from all of it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

SECOND = 1_000_000
HOUR = 3_600 * SECOND
CELL = 300 * SECOND
GRACE, SETTLE, LIMIT, LINK = 30 * SECOND, 5 * SECOND, 300 * SECOND, 30 * SECOND
EVER = 2**62
KINDS = ("ok", "energy", "faulted", "unavailable", "silence", "bridge")


def spans_between(signs, long_enough):
    return [(a, b) for a, b in pairwise(sorted(signs)) if long_enough(a, b)]


class Network:
    """Everything that was told, up to `now`."""

    def __init__(self, lines, served, now=None):
        self.lines, self.served = lines, served
        self.now = max(line.received_at for line in lines) if now is None else now
        self.said = [line for line in lines if hasattr(line, "port")]
        self.ports = sorted({line.port for line in self.said if not line.port.endswith("/0")})

    def of(self, station):
        return [line for line in self.said if line.port.rpartition("/")[0] == station]

    @staticmethod
    def is_sign(line):
        kind = getattr(line, "kind", "reading")
        link_lost = kind == "connection" and line.data.get("connected") is False
        return not line.flags & 2 and kind != "session_id" and not link_lost

    def bridge_away(self, bridge):
        """Spans without `bridge`, and when it was there for the last time."""
        if bridge is None:
            return []
        there = [
            (line.since, line.received_at)
            for line in self.lines
            if getattr(line, "bridge", None) == bridge and line.connected
        ]
        there += [
            (line.received_at, line.received_at)
            for line in self.said
            if self.served.get(line.port.rpartition("/")[0]) == bridge and self.is_sign(line)
        ]
        if not there:
            return []
        away, last = [], None
        for a, b in sorted(there):
            if last is not None and a - last >= GRACE:
                away.append((last, a))
            last = b if last is None else max(last, b)
        return [*away, (last, EVER)] if self.now - last >= GRACE else away

    def station_gaps(self, station):
        """Spans without a sign of the station that count, and its open one."""
        signs = sorted({line.received_at for line in self.of(station) if self.is_sign(line)})
        wills = self.wills(station)
        kept = spans_between(signs, lambda a, b: b - a >= LIMIT or (b - a >= LINK and any(a <= w <= b for w in wills)))
        return [*kept, (signs[-1], EVER)] if signs else []

    def wills(self, station):
        return [
            line.received_at
            for line in self.of(station)
            if getattr(line, "kind", None) == "connection" and line.data.get("connected") is False
        ]

    def silence(self, station):
        """(start, end, limit) of silences: gaps of the station while its bridge was there."""
        away = self.bridge_away(self.served.get(station))
        found = []
        for a, b in self.station_gaps(station):
            for c, d in minus((a, b), away):
                limit = LINK if any(c <= will <= d for will in self.wills(station)) else LIMIT
                until = d if d != EVER else self.now - SETTLE
                if until - c >= limit:
                    found.append((c, d, limit))
        return found

    def late(self, station):
        """Lines made while the station was not heard, that came when that was over."""
        dark = [s for s in [*self.station_gaps(station), *self.bridge_away(self.served.get(station))] if s[1] != EVER]
        return [
            line
            for line in self.of(station)
            if self.is_sign(line)
            and line.received_at - line.at >= 30 * SECOND
            and any(a <= line.at < b <= line.received_at for a, b in dark)
        ]

    def flowed(self, port):
        """Cells in which energy flowed for certain."""
        cells = {}
        for line in self.late(port.rpartition("/")[0]):
            if line.port == port and hasattr(line, "values"):
                cells.setdefault(line.at // CELL, []).append(dict(line.values))
        proven = set()
        for number, values in cells.items():
            if any(v.get("power", 0) >= 100 for v in values):
                proven.add(number)
            for other in range(number - 3, number + 1):
                before = [v["energy"] for v in cells.get(other, []) if "energy" in v]
                after = [v["energy"] for v in values if "energy" in v]
                if before and after and max(after) - min(before) > 1:
                    proven.update(range(other, number + 1))
        return proven

    # -- one port -----------------------------------------------------------------------------------------------------
    def rows(self, port):
        """(from, to, state, reason, detail) of a port; to None = still so."""
        station = port.rpartition("/")[0]
        own = [line.received_at for line in self.said if line.port == port and self.is_sign(line)]
        if not own:
            return []
        first = min(own)
        silence = [(a, b) for a, b, _ in self.silence(station)]
        away = self.bridge_away(self.served.get(station))
        flowed = self.flowed(port)
        present = {line.at // CELL for line in self.late(station)}
        facts, of_station = self._facts(port), self._facts(f"{station}/0")
        edges = {first, *(t for span in (*silence, *away) for t in span), *(f[0] for f in (*facts, *of_station))}
        edges |= {(number + i) * CELL for number in flowed | present for i in (0, 1)}
        rows = []
        for t in sorted(edge for edge in edges if first <= edge < EVER):
            status = judge(t, facts, of_station, silence, away, flowed, present)
            if not rows or rows[-1][1] != status:
                rows.append((t, status))
        ends = [*(at for at, _ in rows[1:]), None]
        return [(at, end, *status) for (at, status), end in zip(rows, ends, strict=True)]

    def _facts(self, port):
        found = []
        for line in self.said:
            if line.port == port and getattr(line, "kind", None) == "status":
                at = line.received_at if line.flags & 2 else line.at
                connector = 0 if port.endswith("/0") else line.data.get("connector", 0)
                fact = (at, connector, status_of(line.data))
                if fact not in found:
                    found.append(fact)
        return sorted(found, key=lambda fact: fact[0])

    # -- what follows -------------------------------------------------------------------------------------------------
    def sums(self, rows, start, end):
        """Microseconds by kind between two times."""
        sums = dict.fromkeys(KINDS, 0)
        for a, b, _, reason, _ in rows:
            sums[reason] += max(min(EVER if b is None else b, end) - max(a, start), 0)
        return sums

    def rolling(self, port, zone="UTC"):
        """Rows of uptime_rolling and uptime_daily and the row of uptime_now of a port."""
        rows = self.rows(port)
        if not rows:
            return {}, {}, None
        hours = {}
        for hour in range(rows[0][0] // HOUR, self.now // HOUR):
            hours[hour] = in_units(self.sums(rows, hour * HOUR, (hour + 1) * HOUR))
        rolling = {
            (hour + 1) * HOUR: shares([hours.get(h, (0, 0)) for h in range(hour - 719, hour + 1)]) for hour in hours
        }
        at = self.now // (60 * SECOND) * 60 * SECOND
        now = None
        if rows[0][0] <= at:
            partial = in_units(self.sums(rows, at // HOUR * HOUR, at))
            past = [hours.get(h, (0, 0)) for h in range(at // HOUR - 720, at // HOUR)]
            since, _, state, reason, detail = next(r for r in reversed(rows) if r[0] <= at)
            now = shares(past, partial) | {"at": at, "since": since, "state": state, "reason": reason, "detail": detail}
        return rolling, self._days(rows, zone), now

    def _days(self, rows, zone):
        days = {}
        until = self.now // HOUR * HOUR
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        local = (
            (epoch + timedelta(microseconds=rows[0][0]))
            .astimezone(ZoneInfo(zone))
            .replace(hour=0, minute=0, second=0, microsecond=0)
        )
        while True:
            following = (local.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=ZoneInfo(zone))
            begins, ends = ((day.astimezone(UTC) - epoch) // timedelta(microseconds=1) for day in (local, following))
            if begins >= until or rows[0][0] >= until:
                return days
            end = min(ends, until)
            sums = {kind: us / 1e6 for kind, us in self.sums(rows, begins, end).items()}
            up, down = sums["ok"] + sums["energy"], sums["faulted"] + sums["unavailable"] + sums["silence"]
            days[(local.date() - epoch.date()).days] = {
                "up_s": up, "down_s": down, "unobserved_s": (end - begins) / 1e6 - up - down, "faulted_s": sums["faulted"],
                "unavailable_s": sums["unavailable"], "silence_s": sums["silence"], "energy_s": sums["energy"],
            }  # fmt: skip
            local = following


def in_units(sums):
    up, down = sums["ok"] + sums["energy"], sums["faulted"] + sums["unavailable"] + sums["silence"]
    return round(up / 62_500), round(down / 62_500)


def shares(hours, partial=(0, 0)):
    row = {}
    for name, size in (("up_1h", 1), ("up_24h", 24), ("up_7d", 168), ("up_30d", 720)):
        part = [*hours[-size:], partial]
        up, observed = sum(u for u, _ in part), sum(u + d for u, d in part)
        row[name] = up / observed if observed else None
    return row | {"observed_s_30d": observed / 16}


def minus(span, taken):
    left = [span]
    for a, b in taken:
        left = [part for c, d in left for part in ((c, min(d, a)), (max(c, b), d)) if part[0] < part[1]]
    return left


def status_of(data):
    if data["status"] == "faulted":
        return ("down", "faulted", data.get("error"))
    return ("down", "unavailable", None) if data["status"] == "unavailable" else ("up", "ok", None)


def judge(t, facts, of_station, silence, away, flowed, present):
    cell = t // CELL
    dark = [kind for kind, spans in (("away", away), ("silent", silence)) if any(a <= t < b for a, b in spans)]
    if dark and cell in flowed:
        return ("up", "energy", None)
    if "away" in dark and cell not in present:
        return ("unobserved", "bridge", None)
    if "silent" in dark:
        return ("down", "silence", None)
    station = [status for at, _, status in of_station if at <= t]
    if station and station[-1][0] == "down":
        _, reason, detail = station[-1]
        return ("down", reason, "station" if detail is None else f"station: {detail}")
    now = {}
    for at, connector, status in facts:
        if at <= t:
            now[connector] = status
    if not now or any(status[0] == "up" for status in now.values()):
        return ("up", "ok", None)
    return min(now.values(), key=lambda status: (status[1] != "faulted", status[2] or ""))
