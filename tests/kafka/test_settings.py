"""Settings reach librdkafka, and half-given ones are refused by name."""

import pytest
from pydantic import ValidationError

from connectors.kafka import KafkaSettings, consumer_config


def test_names_stand_behind_the_namespace():
    settings = KafkaSettings(namespace="acme")

    assert settings.topics.raw == "acme.ev.raw"
    assert consumer_config(settings, "store")["group.id"] == "acme.store"
    assert consumer_config(settings, "store")["client.id"] == "acme.store"
    assert KafkaSettings().named("store") == "store"


def test_security_reaches_the_client_and_secrets_stay_out_of_sight(tmp_path):
    settings = KafkaSettings(security="sasl_ssl", user="flows", password="geheim", ca=tmp_path / "ca.pem")
    config = settings.client("x")

    assert config["sasl.password"] == "geheim"
    assert config["sasl.mechanism"] == "SCRAM-SHA-512"
    assert config["ssl.ca.location"] == str(tmp_path / "ca.pem")
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"security": "sasl_ssl"}, "kafka.security sasl_ssl needs kafka.user and kafka.password"),
        ({"cert": "c.pem"}, "kafka.cert and kafka.key go together"),
        ({"namespace": "a b"}, "namespace"),
        ({"partitions": 0}, "partitions"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(given, said):
    with pytest.raises(ValidationError, match=said):
        KafkaSettings(**given)


def test_consumers_stop_at_a_lost_offset_and_do_not_pause_in_catch_up():
    config = consumer_config(KafkaSettings(), "x")

    assert config["auto.offset.reset"] == "error"
    assert config["fetch.queue.backoff.ms"] == 5
    assert config["enable.auto.commit"] is False
