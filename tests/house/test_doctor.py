"""`chargewell doctor`: what a deployment was given, and whether it answers."""

import io

import pytest
from rich.console import Console

from chargewell.deployment import examine
from chargewell.services.ports import free_port

pytestmark = pytest.mark.integration


def examined(settings):
    console = Console(file=io.StringIO(), width=400)
    status = examine(settings, console)
    told = console.file.getvalue().partition("chargewell up is given:")[2].strip().splitlines()
    return status, [line.strip() for line in told]


def test_the_addresses_that_were_given_are_the_ones_that_are_looked_at(deployment):
    status, (database, topics, broker) = examined(deployment)

    assert status == 0
    assert database.startswith(f"database: schema {deployment.database.namespace}, ")
    assert topics == f"topics: at {deployment.kafka.bootstrap}, 2 partitions each"
    assert broker == f"MQTT broker: {deployment.mqtt.shown} lets us in"


@pytest.mark.parametrize(
    ("part", "change", "word"),
    [
        ("database", lambda: {"dsn": f"postgresql://nobody@127.0.0.1:{free_port()}/x"}, "database"),
        ("kafka", lambda: {"partitions": 3}, "topics"),
        ("mqtt", lambda: {"port": free_port()}, "MQTT broker"),
    ],
)
def test_what_does_not_fit_or_answer_is_named_and_the_rest_is_looked_at_all_the_same(deployment, part, change, word):
    changed = getattr(deployment, part).model_copy(update=change())
    sound = examined(deployment)[1]
    status, lines = examined(deployment.model_copy(update={part: changed}))

    assert status == 1
    assert len(lines) == len(sound)
    assert [line.partition(": ")[0] for line in lines if line not in sound] == [word]
