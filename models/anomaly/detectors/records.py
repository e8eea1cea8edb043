"""The default detector: events by records of the own past, state by three references."""

import numpy as np

from models.anomaly.arrays import Float32, Int64, Slots
from models.anomaly.detector import Detector, Scores, Share, register
from models.anomaly.stages.events import Events
from models.anomaly.stages.rhythm import Rhythm
from models.anomaly.stages.state import HEAD, State

_WEEKLY = 2
_SINGLE = 4


@register("records")
class Records(Detector):
    """Judges a stream against the farthest that it went itself, never against mean and variance.

    Events (told once) come of the errors against slow mean, hour of day and hour of week, in linear and logarithmic view,
    over three horizons. The state (score and alarm, with hysteresis) comes of smoothed channels against a frozen and two
    following references, one by one and together. With more than two channels the hour of week is left out, with more
    than four the events are those of the state's own score: that keeps a port under 8 KB.

    Needs 100 rows before the first event and 400 before the first state score; what is wrong throughout those is taken
    for normal. Blind to faults smaller than what the head already showed. About 150 NumPy calls a round of rows.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self._lanes = channels if channels <= _SINGLE else 1
        self._state = State(self.arrays, channels)
        self._rhythm = Rhythm(self.arrays, self._lanes, week=channels <= _WEEKLY)
        self._events = Events(self.arrays, self._lanes)
        self.arrays.add("seen", np.float32, (channels,), fill=np.nan)
        self.arrays.add("expected", np.float32, (self._lanes,), fill=np.nan)

    def step(self, slot: Slots, at: Int64, x: Float32) -> Scores:
        """See `Detector`."""
        score, alarm = self._state.step(slot, x)
        self.arrays["seen"][slot] = x
        if self._lanes == self.channels:
            streams = x
        else:
            known = self.arrays["state.rows"][slot] > HEAD
            streams = np.where(known, np.log(score + np.float32(0.1)), np.float32(np.nan))[:, None]
        return Scores(score, alarm, self._told(slot, at, streams))

    def _told(self, slot: Slots, at: Int64, streams: Float32) -> Float32:
        """The largest event score of each row's streams, -inf where nothing is told."""
        event = np.full(len(slot), -np.inf, np.float32)
        row, lane = np.nonzero(~np.isnan(streams))
        if len(row):
            p, lane = slot[row], lane.astype(np.intp)
            errors, expected = self._rhythm.step(p, lane, at[row], streams[row, lane])
            self.arrays["expected"][p, lane] = expected
            np.maximum.at(event, row, self._events.step(p, lane, at[row], errors))
        return event

    def explain(self, slot: int) -> list[Share]:
        """See `Detector`; expected is the frozen reference, or the rhythm's expectation while there is none."""
        shares = self._state.shares(slot)
        expected = self.arrays["state.refs"][slot, 0]
        if self._lanes == self.channels:
            expected = np.where(self.arrays["state.rows"][slot] > HEAD, expected, self.arrays["expected"][slot])
        seen = self.arrays["seen"][slot]
        return [
            Share(int(j), float(shares[j]), float(seen[j]), float(expected[j]))
            for j in np.argsort(-shares, kind="stable")
        ]
