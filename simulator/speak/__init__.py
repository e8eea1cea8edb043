"""How stations put things: the canonical JSON messages, OCPP 1.6J and OCPP 2.0.1, each as MQTT messages."""

from simulator.speak.canonical import Canonical
from simulator.speak.message import Message, Session, Speaker
from simulator.speak.ocpp16 import Ocpp16
from simulator.speak.ocpp201 import Ocpp201

SPEAKERS: dict[str, type[Speaker]] = {"canonical": Canonical, "ocpp16": Ocpp16, "ocpp201": Ocpp201}

__all__ = ["SPEAKERS", "Canonical", "Message", "Ocpp16", "Ocpp201", "Session", "Speaker"]
