"""One request in each service's own protocol: does it answer? False means "not now"; a refused login raises."""

import time

import paho.mqtt.client as mqtt
import psycopg
from confluent_kafka import KafkaException, Producer
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from chargewell.services.endpoints import KafkaEndpoint, MqttEndpoint, PostgresEndpoint
from chargewell.services.provider import ServiceError


def kafka_answers(endpoint: KafkaEndpoint, seconds: float = 1.0) -> bool:
    """Whether the cluster names its brokers. Asked by a producer: an AdminClient freed while it works may crash Python."""
    client = Producer({"bootstrap.servers": endpoint.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 100})
    try:
        return bool(client.list_topics(timeout=seconds).brokers)
    except KafkaException:
        return False


def mqtt_answers(endpoint: MqttEndpoint, seconds: float = 1.0, protocol: int = mqtt.MQTTv311) -> bool:
    """Whether the broker lets us in (CONNECT, CONNACK); by MQTT 3.1.1, which every broker has, unless told otherwise."""
    answer: list[str] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion(protocol), client_id="")
    client.on_connect = lambda _client, _data, _flags, reason, _properties: answer.append(str(reason))
    if endpoint.username is not None:
        client.username_pw_set(endpoint.username, endpoint.password)
    if endpoint.ca_file is not None:
        client.tls_set(ca_certs=str(endpoint.ca_file))
    try:
        client.connect(endpoint.host, endpoint.port)
    except OSError:
        return False
    deadline = time.monotonic() + seconds
    while not answer and time.monotonic() < deadline and client.loop(0.05) == mqtt.MQTT_ERR_SUCCESS:
        pass
    client.disconnect()
    if answer and answer[0] == "Unsupported protocol version":
        return False
    if answer and answer[0] != "Success":
        raise ServiceError(
            f"the MQTT broker at {endpoint.shown} refuses the login {endpoint.username!r}: {answer[0]}; "
            "correct services.mqtt.username and services.mqtt.password"
        )
    return bool(answer)


def postgres_answers(endpoint: PostgresEndpoint, seconds: float = 1.0) -> bool:
    """Whether it runs SELECT 1 for us."""
    try:
        with psycopg.connect(endpoint.dsn, connect_timeout=max(2, int(seconds)), autocommit=True) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError as problem:
        if "password authentication failed" in str(problem):
            raise ServiceError(f"PostgreSQL at {endpoint.shown} refuses the login: {problem}") from None
        return False
