"""How stations put things: the canonical JSON messages, OCPP 1.6J and OCPP 2.0.1, each as MQTT messages."""

from schemas.channels import NAMES
from simulator.speak import ocpp16, ocpp201
from simulator.speak.canonical import Canonical
from simulator.speak.message import Message, Session, Speaker
from simulator.speak.ocpp16 import Ocpp16
from simulator.speak.ocpp201 import Ocpp201

SAYS: dict[str, frozenset[str]] = {
    "canonical": frozenset(NAMES),
    "ocpp16": frozenset(ocpp16.MEASURANDS),
    "ocpp201": frozenset(n for n, m in ocpp16.MEASURANDS.items() if m["measurand"] not in ocpp201.NOT_MEASURED),
}
"""The channels that a station can say in each protocol."""
SPEAKERS: dict[str, type[Speaker]] = {"canonical": Canonical, "ocpp16": Ocpp16, "ocpp201": Ocpp201}

__all__ = ["SAYS", "SPEAKERS", "Canonical", "Message", "Ocpp16", "Ocpp201", "Session", "Speaker"]
