"""Errors that a user can do something about: shown as one line, without a traceback. Anything else is a defect of ours."""

from typing import Final

import psycopg

from chargewell.extras import MissingExtraError
from chargewell.labels import LabelsFileError
from chargewell.processes import ProcessError
from chargewell.services.provider import ServiceError
from connectors.bytewax_io import FlowError, FlowRunningError
from connectors.grafana.api import GrafanaError
from connectors.kafka import KafkaError
from connectors.mqtt import MqttError
from connectors.timescale.models import ModelError
from connectors.timescale.public import PublicViewError
from connectors.timescale.registry_files import RegistryError
from connectors.timescale.sink import FlowRunningError as ShardTakenError
from models.failure.bundle import BundleError
from pipelines import SnapshotError
from simulator.ledger import LedgerError
from simulator.recording import RecordingError
from simulator.sessions_file import SessionsFileError

KNOWN: Final = (
    ServiceError,
    ProcessError,
    KafkaError,
    MqttError,
    GrafanaError,
    RegistryError,
    PublicViewError,
    MissingExtraError,
    FlowError,
    FlowRunningError,
    ShardTakenError,
    SnapshotError,
    ModelError,
    BundleError,
    psycopg.OperationalError,
    FileNotFoundError,
    PermissionError,
    RecordingError,
    SessionsFileError,
    LabelsFileError,
    LedgerError,
)
