from collections import Counter, defaultdict

import orjson
import pytest
from jsonschema import Draft4Validator
from ocpp.messages import get_validator

from simulator.fleet import generate
from simulator.ports import US
from simulator.recording import simulate
from simulator.speak import Ocpp16, Ocpp201, Session
from simulator.speak.ocpp16 import pascal
from simulator.variants import VARIANTS

START = 1_760_000_040 * US // (60 * US) * (60 * US)
VERSIONS = {"ocpp16": "1.6", "ocpp201": "2.0.1"}


def validator(kind: int, action: str, version: str) -> Draft4Validator:
    return get_validator(kind, action, version)


@pytest.fixture(scope="module")
def recording():
    """Five minutes with every fault of the recorded script that begins by then."""
    return simulate(START, seconds=400, seed=4)


def frames(recording, protocol: str):
    """(direction, station, frame) of a protocol, in order."""
    for line in recording.lines:
        _, station, direction, kind = line.topic.split("/")
        if kind == protocol:
            yield direction, station, orjson.loads(line.payload)


@pytest.mark.parametrize("protocol", VERSIONS)
def test_every_frame_and_every_answer_fits_the_schema_of_its_message(recording, protocol):
    actions: dict[tuple[str, str], str] = {}
    counted: Counter[str] = Counter()
    for direction, station, frame in frames(recording, protocol):
        if direction == "from":
            kind, number, action, payload = frame
            actions[station, number] = action
        else:
            kind, number, payload = frame
            action = actions[station, number]
        assert kind == (2 if direction == "from" else 3)
        counted[f"{direction} {action}"] += 1
        problems = [e.message for e in validator(kind, action, VERSIONS[protocol]).iter_errors(payload)]
        assert problems == [], (action, payload)

    expected = {
        "ocpp16": {
            "StatusNotification",
            "Heartbeat",
            "Authorize",
            "StartTransaction",
            "MeterValues",
            "StopTransaction",
        },
        "ocpp201": {"StatusNotification", "Heartbeat", "TransactionEvent", "MeterValues"},
    }
    assert expected[protocol] <= {key.split()[1] for key in counted if key.startswith("from")}


def test_a_start_is_answered_with_the_id_that_its_stop_names(recording):
    asked, ids, stopped = {}, {}, []
    for direction, station, frame in frames(recording, "ocpp16"):
        if direction == "from" and frame[2] == "StartTransaction":
            asked[station, frame[1]] = frame[3]["connectorId"]
        elif direction == "to" and (station, frame[1]) in asked:
            ids[station, asked[station, frame[1]]] = frame[2]["transactionId"]
        elif direction == "from" and frame[2] == "StopTransaction":
            stopped.append((station, frame[3]["transactionId"]))

    assert asked
    begun_here = {(station, number) for (station, _), number in ids.items()}
    assert begun_here & set(stopped)


def test_transaction_events_are_numbered_without_a_gap(recording):
    numbers = defaultdict(set)
    for direction, station, frame in frames(recording, "ocpp201"):
        if direction == "from" and frame[2] == "TransactionEvent":
            numbers[station, frame[3]["transactionInfo"]["transactionId"]].add(frame[3]["seqNo"])

    assert numbers
    for seen in numbers.values():
        assert seen == set(range(min(seen), max(seen) + 1))


def test_every_stop_reason_and_error_of_the_catalogue_can_be_said_in_both_versions():
    fleet = generate(60, seed=3)
    for variant in VARIANTS.values():
        for speaker_of, protocol in ((Ocpp16, "ocpp16"), (Ocpp201, "ocpp201")):
            speaker = speaker_of(next(s for s in fleet.stations if s.protocol == protocol))
            session = Session("S-1", 1, 1, "AB12", START, 1000)
            said = speaker.session_end(START, session, 2000, variant.cut or "local", False)
            said += speaker.status(START, 1, "faulted", variant.error, variant.code)
            said += speaker.session_start(START, session, True) + speaker.session_state(
                START, session, "suspended_ev", True
            )
            for message in said:
                _, _, action, payload = orjson.loads(message.payload)
                assert list(validator(2, action, VERSIONS[protocol]).iter_errors(payload)) == [], (
                    variant.name,
                    payload,
                )


@pytest.mark.parametrize(
    ("snake", "said"),
    [
        ("ground_failure", "GroundFailure"),
        ("ev_communication_error", "EVCommunicationError"),
        ("other_error", "OtherError"),
    ],
)
def test_error_names_are_those_of_ocpp(snake, said):
    assert pascal(snake) == said
