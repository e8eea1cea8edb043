"""Packed records: a round trip changes nothing, cuts lose nothing, damage is refused."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.adapters.cut import cut
from connectors.adapters.packed import PackedError, pack, pack_cut, unpack
from schemas.telemetry import Packed


def test_unpacking_gives_back_what_was_packed(any_batch, view):
    @given(any_batch)
    def check(batch):
        assert view(unpack(pack(batch))) == view(batch)

    check()


def test_packing_an_unpacked_record_gives_the_same_bytes(any_batch):
    @given(any_batch)
    def check(batch):
        record = pack(batch)

        assert pack(unpack(record)) == record

    check()


def test_cut_records_cover_the_offsets_without_a_gap_and_keep_every_line_with_its_raw_record(any_batch, view):
    @given(any_batch, st.integers(200, 1_200))
    def check(batch, limit):
        parts = [unpack(record) for record in pack_cut(batch, limit)]

        assert [parts[0].first, *(p.last + 1 for p in parts)] == [*(p.first for p in parts), batch.last + 1]
        assert all(
            p.first <= o <= p.last for p in parts for o in [*p.readings.origin.tolist(), *p.other.origin.tolist()]
        )
        whole, views = view(batch), [view(p) for p in parts]
        for lines in ("readings", "other", "events", "rejects", "beats"):
            assert [row for v in views for row in v[lines]] == whole[lines]

    check()


def test_records_are_cut_until_they_are_small_enough_or_hold_one_raw_record(any_batch):
    @given(any_batch, st.integers(200, 1_200))
    def check(batch, limit):
        for record in pack_cut(batch, limit):
            packed = json.loads(record)
            origins = {o for part in ("readings", "other") for o in packed[part]["origin"]}
            origins |= {row.get("origin", 0) for part in ("events", "rejects", "beats") for row in packed[part]}
            assert len(record) <= limit or len(origins) <= 1

    check()


def test_a_cut_batch_keeps_only_the_ports_that_it_needs(any_batch):
    @given(any_batch, st.integers(0, 9))
    def check(batch, after):
        for part in cut(batch, batch.first + after):
            assert sorted({*part.readings.port.tolist(), *part.other.port.tolist()}) == list(range(len(part.ports)))

    check()


def test_a_packed_record_is_json_that_fits_its_contract(any_batch):
    @given(any_batch)
    def check(batch):
        record = pack(batch)

        assert msgspec.json.decode(record, type=Packed, strict=True).partition == json.loads(record)["partition"]

    check()


@given(st.binary(max_size=60))
def test_bytes_that_are_no_packed_record_are_refused(noise):
    with pytest.raises(PackedError):
        unpack(noise)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v": 2}, "schema version 2"),
        ({"readings": {"at": [1], "origin": []}}, "a column of 0 among 1 rows"),
        ({"readings": {"channels": {"voltage": [1.0]}}}, "a channel of 1 among 0 rows"),
        ({"readings": {"channels": {"volts": []}}}, "'volts' is not known"),
        ({"other": {"channel": ["x"]}}, "1 channel names for 0 values"),
        ({"other": {key: [1] for key in ("at", "received_at", "origin", "seq")} | {"port": [3], "channel": ["x"], "value": [1]}}, "outside its 0 ports"),
        ({"readings": {"at": [2**70]}}, "4..5"),
    ],
)  # fmt: skip
def test_a_record_that_contradicts_itself_is_refused_and_the_reason_is_told(change, message):
    record = {"v": 1, "partition": 0, "first": 4, "last": 5, "now": 6, "adapter": "x"} | change

    with pytest.raises(PackedError, match=message):
        unpack(json.dumps(record).encode())
