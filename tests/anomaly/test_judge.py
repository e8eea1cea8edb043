"""One feature of one port, spell by spell: what goes towards a fault is not learned but for one spell after a hundred."""

import numpy as np

from models.anomaly.arrays import PortArrays
from models.anomaly.feature import ABOVE, Feature, Sample
from models.anomaly.judge import Judge

ROWS, STEP_US = 20, 60_000_000
FEATURE = Feature("f", "current", "A", 1.0, ABOVE, 1, lambda _: None, (("meter", 1.0),), "")


class _Port:
    """Lives spells of twenty rows around a level; `expected` is what the port is taken to show."""

    def __init__(self):
        arrays = PortArrays()
        self.judge, self._rng, self._at = Judge(arrays, FEATURE), np.random.default_rng(0), 0
        arrays.grow(1)

    def live(self, level, spells):
        slot, kind, ones = np.zeros(ROWS, np.intp), np.zeros(ROWS, np.int8), np.ones(ROWS, np.float32)
        for _ in range(spells):
            y = (level + 0.3 * self._rng.standard_normal(ROWS)).astype(np.float32)
            yes = np.ones(ROWS, np.bool_)
            sample = Sample(np.arange(ROWS), y, ones[None], ones, yes, yes, 8 * ones)
            at = self._at + STEP_US * np.arange(ROWS)
            self._at += ROWS * STEP_US
            self.judge.judge(sample, slot, at, kind)
            self.judge.collect(sample, slot, yes)
            self.judge.close(slot[:1], kind[:1])

    @property
    def expected(self):
        (expected,), _, _ = self.judge.expectation.predict(
            np.zeros(1, np.intp), np.ones((1, 1), np.float32), np.ones(1, np.intp)
        )
        return float(expected)


def test_what_is_usual_is_learned():
    port = _Port()
    port.live(5.0, 40)

    assert abs(port.expected - 5.0) < 0.2


def test_a_fault_is_not_learned_away_but_one_spell_after_a_hundred_is():
    port = _Port()
    port.live(5.0, 60)
    before = port.expected
    port.live(9.0, 100)
    assert port.expected == before

    port.live(9.0, 1)
    assert port.expected > before + 0.02


def test_what_goes_away_from_what_matters_is_learned_at_once():
    port = _Port()
    port.live(5.0, 60)
    port.live(1.0, 40)

    assert port.expected < 4.5


def test_a_port_that_is_forgotten_is_learned_anew():
    port = _Port()
    port.live(5.0, 60)
    port.judge.forget(np.zeros(1, np.intp))
    port.live(9.0, 10)

    assert abs(port.expected - 9.0) < 0.3
