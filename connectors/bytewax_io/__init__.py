"""Where the engine meets the outside: Kafka source, Kafka and database sinks, running a flow. The one connector that knows Bytewax."""

from connectors.bytewax_io.database_sink import DatabaseSink, Writer
from connectors.bytewax_io.kafka_sinks import AlertSink, Record, RecordSink, RejectSink, TelemetrySink
from connectors.bytewax_io.run import FlowError, FlowRunningError, forget, run_flow
from connectors.bytewax_io.source import Decode, DecodeError, PartitionSource
from connectors.stopping import request_stop, stopping

__all__ = [
    "AlertSink",
    "DatabaseSink",
    "Decode",
    "DecodeError",
    "FlowError",
    "FlowRunningError",
    "PartitionSource",
    "Record",
    "RecordSink",
    "RejectSink",
    "TelemetrySink",
    "Writer",
    "forget",
    "request_stop",
    "run_flow",
    "stopping",
]
