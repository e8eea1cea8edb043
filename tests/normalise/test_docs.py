"""What is published of the messages is true: examples, tables, JSON Schemas."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from connectors.adapters import ocpp16, ocpp201
from schemas import messages
from schemas.channels import CHANNELS, OTHER_CHANNELS
from schemas.events import DATA
from schemas.telemetry import REJECT_REASONS, STATUSES
from schemas.topics import FROM_KINDS, TO_KINDS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/messages.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```json (\w+)\n(.*?)^```", TEXT, re.M | re.S)


@pytest.mark.parametrize("name", messages.schemas())
def test_the_published_schemas_are_those_of_the_models(name):
    published = (ROOT / "schemas/json" / name).read_text("utf-8")

    assert published == messages.schemas()[name], (
        "run python -m schemas.messages; a change that is not additive needs a new version"
    )


def test_nothing_else_is_published():
    current = {path.name for path in (ROOT / "schemas/json").glob("*.json") if ".v1." in path.name}

    assert current == set(messages.schemas())


def test_there_is_an_example_of_every_message():
    assert {kind for kind, _ in EXAMPLES} == set(messages.MODELS)


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_every_example_is_accepted_by_model_and_schema(kind, example):
    assert messages.MODELS[kind].validate_json(example)
    schema = json.loads(messages.schemas()[f"{kind}.v1.json"])
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid(json.loads(example))


@pytest.mark.parametrize(
    ("kind", "example"),
    [
        ("reading", {"port": 1, "volts": 5}),
        ("reading", {"port": 1, "voltage": "5"}),
        ("reading", {"port": -1}),
        ("reading", {"port": 1, "other": {"A": 1}}),
        ("readings", {"port": 1, "at": [], "channels": {}}),
        ("event", {"kind": "status", "data": {"status": "on"}}),
        ("event", {"kind": "mood"}),
        ("connection", {}),
    ],
)
def test_the_published_schemas_refuse_what_the_models_refuse(kind, example):
    assert not Draft202012Validator(json.loads(messages.schemas()[f"{kind}.v1.json"])).is_valid(example)


def rows(first):
    return [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in TEXT.splitlines()
        if line.startswith("|") and first in line
    ]


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
def test_every_channel_is_documented_with_its_unit_and_range(channel):
    (row,) = rows(f"`{channel.name}`")

    assert channel.unit in row[1]
    assert f"{channel.low:g} to {channel.high:g}" in row[2]


@pytest.mark.parametrize(("name", "unit"), OTHER_CHANNELS.items())
def test_every_other_channel_is_documented_with_its_unit(name, unit):
    assert f"`{name}` ({unit})" in TEXT


@pytest.mark.parametrize("kind", DATA)
def test_every_event_kind_is_documented_with_its_keys_and_which_are_required(kind):
    row = next(row for row in rows(f"| `{kind}` |") if row[0] == f"`{kind}`")

    documented = set(re.findall(r"`(\w+)`", row[1]))
    required = set(re.findall(r"\*\*`(\w+)`\*\*", row[1]))
    assert documented == set(DATA[kind].model_fields)
    assert required == {name for name, field in DATA[kind].model_fields.items() if field.is_required()}


@pytest.mark.parametrize("word", [*STATUSES, *FROM_KINDS, *TO_KINDS, *REJECT_REASONS])
def test_every_status_topic_and_reason_is_documented(word):
    assert re.search(rf"`(ev/<station>/(from|to)/)?{word}`", TEXT)


@pytest.mark.parametrize("version", [ocpp16, ocpp201])
def test_every_ocpp_action_that_is_read_is_documented(version):
    line = next(line for line in TEXT.splitlines() if line.startswith("| 1.6" if version is ocpp16 else "| 2.0.1"))

    assert all(action in line for action in version.ACTIONS)
    assert all(action in line.partition("answers to")[2] for action in version.ANSWERS)
