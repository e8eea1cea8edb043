"""A surprise of x nats is worth what it says: about one healthy spell in e^x goes so high, whatever the noise and its scale."""

import numpy as np
import pytest

from models.anomaly.arrays import PortArrays
from models.anomaly.tail import Tail

PORTS, SPELLS, ROWS, LEARNED = 400, 400, 60, 150
LAWS = {
    "normal": lambda rng, shape: np.abs(rng.standard_normal(shape)),
    "exponential": lambda rng, shape: rng.exponential(1, shape),
}


def _bounded(rng, shape):
    return rng.uniform(0, 1, shape)


def _peaks(law, scale):
    """The largest surprise of each spell, before it is learned, [spells after the first `LEARNED`, ports]."""
    arrays, rng = PortArrays(), np.random.default_rng(1)
    tail = Tail(arrays, "f", least=3)
    arrays.grow(PORTS)
    slot = np.repeat(np.arange(PORTS), ROWS)
    context, kind = np.ones(len(slot), np.intp), np.zeros(len(slot), np.int8)
    found = []
    for spell in range(SPELLS):
        z = (scale * law(rng, len(slot))).astype(np.float32)
        nats = tail.surprise(slot, context, z, kind).reshape(PORTS, ROWS).max(axis=1)
        tail.watch(slot, context, z)
        tail.close(np.arange(PORTS), np.ones(PORTS, np.bool_))
        if spell >= LEARNED:
            found.append(nats)
    return np.stack(found)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_a_surprise_is_as_rare_as_it_says(law, scale):
    peaks = _peaks(LAWS[law], scale)

    for nats in (2.0, 4.0, 6.0):
        assert 0.3 < float((peaks >= nats).mean()) / np.exp(-nats) < 2.5, nats


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_what_has_a_hard_bound_is_never_very_surprising(scale):
    peaks = _peaks(_bounded, scale)

    assert float((peaks >= 6.0).mean()) < 2.5 * np.exp(-6.0)
