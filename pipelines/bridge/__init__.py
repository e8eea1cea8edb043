"""From the MQTT broker to `ev.raw`: nothing lost, nothing read, one order a station.

`run_bridge` is the process. The parts: `topic_map` (topic -> key), `acknowledgements` (what may be acknowledged),
`heartbeat` (log time), `clock` (receive time), `bridge` (the loop).
"""

import time
from collections.abc import Callable

import structlog

from connectors.kafka import KafkaSettings, KafkaUnreachableError, check_topics
from connectors.mqtt import MqttSettings
from connectors.stopping import stop_on_signals, stopping
from pipelines.bridge.bridge import Bridge
from pipelines.bridge.settings import BridgeSettings, TopicPattern

__all__ = ["Bridge", "BridgeSettings", "TopicPattern", "run_bridge"]

log = structlog.get_logger(__name__)

_ASK_AGAIN_S = 1.0


def run_bridge(
    mqtt: MqttSettings,
    kafka: KafkaSettings,
    settings: BridgeSettings | None = None,
    *,
    stop: Callable[[], bool] = stopping,
) -> None:
    """Run the bridge until SIGTERM, SIGINT or `stop()`. Waits for Kafka to answer before it takes anything from the broker.

    TopicError when the topics are missing or have another number of partitions, MqttRefusedError when the broker refuses
    login or subscription; each says what to do.
    """
    with stop_on_signals():
        while not stop():
            try:
                check_topics(kafka)
            except KafkaUnreachableError as error:
                log.warning("bridge: waiting for Kafka", reason=str(error))
                time.sleep(_ASK_AGAIN_S)
            else:
                Bridge(mqtt, kafka, settings or BridgeSettings()).run(stop)
                return
