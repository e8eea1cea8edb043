"""Headers of a whole poll at once beside one by one."""

from hypothesis import example, given
from hypothesis import strategies as st

from connectors.adapters import headers
from schemas.telemetry import decode_cw, encode_cw

TIMES = st.one_of(st.integers(10**15, 10**16 - 1), st.integers(0, 2**63), st.integers(-(10**16), 0))
USUAL = st.builds(
    encode_cw,
    st.sampled_from("mhx"),
    TIMES,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["from", "to", "other"]),
    st.integers(0, 10**16),
    st.sampled_from(["b", "chargewell-bridge"]),
    st.integers(0, 10**9),
)


@st.composite
def spoiled(draw):
    """A usual header with one byte another, so that each check of the fast way is the only one that can tell."""
    header = bytearray(draw(USUAL))
    header[draw(st.integers(0, min(24, len(header) - 1)))] = draw(st.integers(0, 255))
    return bytes(header)


@given(st.lists(st.one_of(USUAL, spoiled(), st.binary(max_size=40)), min_size=1, max_size=20))
@example([b"1|m|176000000000000:|0|0|from|1|b|1", b"1|m|17600000000000/0|0|0|from|1|b|1"])
@example([b"1|m|1760000000000000|2|0|from|1|b|1"])
def test_a_poll_of_headers_is_read_as_each_is_alone(cws):
    found = headers.read(cws)

    for i, cw in enumerate(cws):
        try:
            alone = decode_cw(cw)
        except ValueError:
            alone = None
        front = cw[:23]
        if alone is not None and abs(alone.received_us) < 2**62:
            assert (found.type[i], found.received_at[i], found.retain[i]) == (
                ord(alone.type), alone.received_us, alone.retain,
            )  # fmt: skip
        else:  # the fields behind `retain` are not looked at where the front is as usual
            assert found.type[i] == headers.BROKEN or decode_cw(front + b"0|from|1|b|1").type == chr(found.type[i])
