"""One packed record a schema version, and the raw messages it came of: what was written once stays readable, and comes out the same."""

import json
import os
from pathlib import Path

import pytest

from connectors.adapters import ADAPTER_VERSION
from connectors.adapters.normalise import Normaliser
from connectors.adapters.packed import pack, unpack

GOLDEN = Path(__file__).parent / "golden"
KEY = b"the key of the golden files"


def normalised(record):
    """The batch of `messages.v1.jsonl`: lines of topic, payload (JSON or text), seconds after the first."""
    lines = [json.loads(line) for line in (GOLDEN / "messages.v1.jsonl").read_text("utf-8").splitlines()]
    records = [
        record(
            line["topic"],
            line["text"].encode() if "text" in line else json.dumps(line["payload"]).encode(),
            offset=1_000 + i,
            received=1_760_000_000_000_000 + i * 1_000_000,
            retain=line.get("retain", False),
        )
        for i, line in enumerate(lines)
    ]
    return Normaliser(KEY).normalise(2, records).batch


def test_the_messages_come_out_as_they_were_packed(record):
    batch = normalised(record)
    path = GOLDEN / "packed.v1.json"
    if os.environ.get("GOLDEN_WRITE") == "1":
        path.write_bytes(pack(batch) + b"\n")

    assert json.loads(pack(batch)) == json.loads(path.read_bytes()), (
        "the same messages come out differently: let ADAPTER_VERSION rise, and write the file anew with GOLDEN_WRITE=1"
    )
    assert json.loads(path.read_bytes())["adapter"] == ADAPTER_VERSION


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("packed.v*.json")), ids=lambda p: p.stem)
def test_every_version_ever_written_is_read(path):
    batch = unpack(path.read_bytes())

    lines = [len(batch.readings), len(batch.other), len(batch.events), len(batch.rejects)]
    assert lines == {"packed.v1": [10, 6, 24, 12]}[path.stem]


def test_the_golden_messages_show_every_kind_of_event_and_most_reasons(record):
    batch = normalised(record)

    assert {e.kind for e in batch.events} >= {
        "status",
        "session_start",
        "session_update",
        "session_end",
        "session_id",
        "authorize",
    }
    assert {e.kind for e in batch.events} >= {"boot", "connection", "fault", "command_result", "alive"}
    assert {r.reason for r in batch.rejects} >= {
        "topic",
        "json",
        "schema",
        "port",
        "value",
        "empty",
        "unsupported",
        "unmatched",
        "call_error",
    }
