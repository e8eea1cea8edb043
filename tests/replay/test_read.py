"""Recordings: what a line may be, and what is said of a line that is none."""

import gzip

import pytest

from chargewell.replay import Recorded, RecordingError, read


def lines(tmp_path, *rows, name="r.jsonl"):
    path = tmp_path / name
    text = "\n".join(rows).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def test_payloads_are_text_or_json_and_times_iso_or_microseconds(tmp_path):
    path = lines(
        tmp_path,
        '{"topic":"a","payload":"on","at":"2026-01-01T00:00:00Z"}',
        '{"topic":"b","payload":{"x":1},"at":5}',
        "",
        '{"topic":"c","payload":"","more":true}',
    )

    assert list(read(path)) == [
        Recorded("a", b"on", 1_767_225_600_000_000),
        Recorded("b", b'{"x":1}', 5),
        Recorded("c", b"", None),
    ]


def test_a_gzipped_recording_is_understood(tmp_path):
    assert len(list(read(lines(tmp_path, '{"topic":"a","payload":"1"}', name="r.jsonl.gz")))) == 1


@pytest.mark.parametrize("row", ["no json", '{"payload":"x"}', '{"topic":"a","payload":"x","at":"yesterday"}'])
def test_a_line_that_is_no_message_is_named_with_its_number(tmp_path, row):
    path = lines(tmp_path, '{"topic":"a","payload":"1"}', row)

    with pytest.raises(RecordingError, match=r"r\.jsonl, line 2: .*topic, payload and at"):
        list(read(path))
