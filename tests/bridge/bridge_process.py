"""The bridge as a process of its own, so that it can be killed: bridge_process.py JSON of [mqtt, kafka] settings."""

import json
import sys

from connectors.kafka import KafkaSettings
from connectors.mqtt import MqttSettings
from pipelines.bridge import run_bridge

if __name__ == "__main__":
    mqtt, kafka = json.loads(sys.argv[1])
    run_bridge(MqttSettings(**mqtt), KafkaSettings(**kafka))
