"""From surprise to alerts: level from an alarm budget, minimum duration, hysteresis, cooldown, revisions.

A score says how unusual a tick is; whether somebody is told is decided here and nowhere else. An episode is one fault
family at one port: raised once, told again when it is clearly worse or further features join it, cleared after ten calm
minutes of the features that raised it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from models.anomaly.explain import contributions, explains, hypotheses, sentence
from models.anomaly.features import BY_FEATURE
from schemas.alerts import Alert, AlertState, alert_id
from schemas.faults import catalogue

SOURCE: Final = "anomaly"
CALM_US: Final = 600_000_000
COOLDOWN_US: Final = 1_800_000_000
UPDATE_US: Final = 60_000_000
WORSE: Final = 1.5


class Evidence(NamedTuple):
    """One feature at one tick of a port: `surprise` in nats, `residual` what has lasted (`Feature.lasting`), on the bad side."""

    feature: str
    surprise: float
    residual: float
    matters: float
    observed: float
    expected: float
    hot: bool
    normal_at: int
    context: str


@dataclass(slots=True)
class Episode:
    """An open alert and what was last told of it."""

    port: str
    family: str
    onset: int
    raised: int
    revision: int = 1
    told_at: int = 0
    calm_since: int = 0
    told: dict[str, float] = field(default_factory=dict)
    surprise: dict[str, float] = field(default_factory=dict)
    observed: dict[str, float] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)
    residual: dict[str, float] = field(default_factory=dict)
    context: str = ""

    def take(self, e: Evidence) -> None:
        """Remember the newest evidence of a feature."""
        self.surprise[e.feature], self.residual[e.feature] = e.surprise, e.residual
        self.observed[e.feature], self.expected[e.feature] = e.observed, e.expected
        self.context = e.context


class Decider:
    """Open episodes of the ports of one shard; `salt` sets the ids of one decider apart from another's. Plain Python, run only for ticks that are hot or of a port with an episode."""

    def __init__(self, version: str, salt: str = "") -> None:
        self._version, self._salt = version, salt
        self._open: dict[str, dict[str, Episode]] = {}
        self._rest: dict[tuple[str, str], int] = {}

    def watched(self) -> list[str]:
        """The ports with an open episode."""
        return list(self._open)

    def tick(self, port: str, at: int, received: int, rows: Sequence[Evidence]) -> list[Alert]:
        """Take the evidence of one tick of a port (in order of time); gives what there is to tell."""
        told: list[Alert] = []
        for episode in list(self._open.get(port, {}).values()):
            told += self._follow(episode, at, received, [e for e in rows if e.feature in episode.told])
        mine = {name for episode in self._open.get(port, {}).values() for name in episode.told}
        fresh = [e for e in rows if e.hot and e.feature not in mine]
        return told + (self._new(port, at, received, fresh) if fresh else [])

    def _follow(self, episode: Episode, at: int, received: int, rows: Sequence[Evidence]) -> list[Alert]:
        if not rows:
            return []
        for e in rows:
            episode.take(e)
        if all(e.residual < 0.5 * e.matters for e in rows):
            episode.calm_since = episode.calm_since or at
            if at - episode.calm_since < CALM_US:
                return []
            del self._open[episode.port][episode.family]
            if not self._open[episode.port]:
                del self._open[episode.port]
            self._rest[episode.port, episode.family] = at + COOLDOWN_US
            return [self._tell(episode, "cleared", received)]
        episode.calm_since = 0
        worse = any(e.hot and e.residual > WORSE * episode.told[e.feature] for e in rows)
        if not worse or at - episode.told_at < UPDATE_US:
            return []
        return [self._tell(episode, "updated", received, at)]

    def _new(self, port: str, at: int, received: int, rows: Sequence[Evidence]) -> list[Alert]:
        told: list[Alert] = []
        episodes = self._open.get(port, {})
        for e in list(rows):
            found = next((ep for ep in episodes.values() if explains(ep.family, e.feature)), None)
            if found is not None:
                found.take(e)
                found.told[e.feature] = e.residual
                told.append(self._tell(found, "updated", received, at))
        left = [e for e in rows if not any(e.feature in ep.told for ep in episodes.values())]
        if not left:
            return told
        family = hypotheses({e.feature: e.surprise for e in left})[0].family
        rest = self._rest.get((port, family), 0)
        if at < rest:
            return told
        # not before the last episode was over: an onset names its episode
        onset = max(min(e.normal_at for e in left), rest - COOLDOWN_US)
        episode = Episode(port, family, onset=onset, raised=received, revision=0)
        for e in left:
            episode.take(e)
            episode.told[e.feature] = e.residual
        self._open.setdefault(port, {})[family] = episode
        return [*told, self._tell(episode, "raised", received, at)]

    def _tell(self, ep: Episode, state: AlertState, received: int, at: int = 0) -> Alert:
        ep.revision += 1
        if at:
            ep.told_at = at
            ep.told = {name: max(ep.residual[name], old) for name, old in ep.told.items()}
        lead = max(ep.surprise, key=lambda name: ep.surprise[name])
        nats = ep.surprise[lead]
        return Alert(
            id=alert_id(SOURCE + self._salt, ep.port, ep.family, ep.onset),
            revision=ep.revision,
            port=ep.port,
            family=ep.family,
            kind="anomaly",
            severity=catalogue()[ep.family].severity,
            state=state,
            onset_at=_utc(ep.onset),
            raised_at=_utc(ep.raised),
            cleared_at=_utc(received) if state == "cleared" else None,
            score=round(nats / math.log(10), 3),
            probability=round(1 - math.exp(-nats), 9),
            contributions=contributions((n, s, ep.observed[n], ep.expected[n]) for n, s in ep.surprise.items()),
            hypotheses=hypotheses(ep.surprise),
            evidence={
                "context": ep.context,
                "residuals": {n: round(r * BY_FEATURE[n].scale, 3) for n, r in ep.residual.items()},
                "features": sorted(ep.told),
            },
            text=sentence(ep.family, ep.residual, ep.onset)
            if state != "cleared"
            else f"Over: {catalogue()[ep.family].title}.",
            source=SOURCE,
            source_version=self._version,
        )

    def snapshot(self) -> dict[str, Any]:
        """Open episodes and rests as plain data."""
        return {
            "open": [asdict(ep) for episodes in self._open.values() for ep in episodes.values()],
            "rest": [[port, family, until] for (port, family), until in self._rest.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot."""
        self._open, self._rest = {}, {(p, f): int(u) for p, f, u in state["rest"]}
        for plain in state["open"]:
            episode = Episode(**plain)
            self._open.setdefault(episode.port, {})[episode.family] = episode


def _utc(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)
