"""Operator snapshots as stored bytes: what goes in comes out, and nothing else does."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from connectors.timescale.snapshots import decode, encode

ARRAYS = npst.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.bool_, np.uint8]),
    npst.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | ARRAYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@given(st.dictionaries(st.text(max_size=8), PLAIN, max_size=4))
def test_a_state_comes_back_as_it_went_in(state):
    assert same(state, decode(encode(state)))


def test_restored_arrays_can_be_written_to():
    decode(encode({"a": np.zeros(3)}))["a"][0] = 1


def test_objects_are_refused():
    with pytest.raises(TypeError, match="plain data"):
        encode({"a": object()})


def test_arrays_of_objects_are_refused():
    with pytest.raises(TypeError, match="plain data"):
        encode({"a": np.array([object()])})


@pytest.mark.parametrize("body", [msgspec.msgpack.encode([1]), msgspec.msgpack.encode(msgspec.msgpack.Ext(9, b"x"))])
def test_foreign_bytes_are_refused(body):
    with pytest.raises(ValueError, match="snapshot"):
        decode(body)
