"""A flow that counts, run as a process of its own so that it can be killed: counting_flow.py BOOTSTRAP NAMESPACE FOLDER.

Each record is one reading whose energy is the record's number. The operator keeps the number of readings and the sum of
their energies; the sink writes both, with the origin, to one file a shard.
"""

import json
import sys
from pathlib import Path

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow

from connectors.bytewax_io import DatabaseSink, PartitionSource, run_flow
from connectors.kafka import KafkaSettings
from models.columns import Batch, Readings
from models.operator import Outputs, Upsert
from pipelines import operate


def decode(partition, messages):
    """A batch of one reading a message."""
    n = len(messages)
    origin = np.fromiter((m.offset() for m in messages), np.int64, n)
    readings = Readings(
        port=np.zeros(n, np.int32),
        at=origin,
        received_at=origin,
        origin=origin,
        seq=np.arange(n),
        flags=np.zeros(n, np.uint8),
        channels={"energy": np.fromiter((float(m.value()) for m in messages), np.float64, n)},
    )
    return Batch(partition, int(origin[0]), int(origin[-1]), int(origin[-1]), [f"S{partition}/1"], readings)


class Counting:
    """Counts readings and adds up their energies."""

    name, version, memory_days = "counting", 1, 0.0

    def __init__(self):
        self.n, self.sum = 0, 0.0

    def on_batch(self, batch):
        self.n += len(batch.readings)
        self.sum += float(batch.readings.channel("energy").sum())
        total = {"n": np.array([self.n]), "sum": np.array([self.sum])}
        return Outputs([Upsert("total", (), batch.ports, np.zeros(1, np.int32), total)])

    def on_time(self, now):
        return Outputs()

    def snapshot(self):
        return {"v": 1, "n": self.n, "sum": self.sum}

    def restore(self, state):
        self.n, self.sum = state["n"], state["sum"]


class FileWriter:
    """Writes the newest total of a shard to a file, replaced at once."""

    def __init__(self, folder):
        self.folder = folder

    def claim(self, shard):
        pass

    def write(self, shard, outputs, origin):
        if outputs.writes:
            columns = outputs.writes[-1].columns
            fresh = self.folder / f"{shard}.new"
            fresh.write_text(json.dumps({"origin": origin, "n": int(columns["n"][0]), "sum": float(columns["sum"][0])}))
            fresh.replace(self.folder / f"{shard}.json")

    def close(self):
        pass


def counting(kafka, folder, **source):
    """The flow."""
    flow = Dataflow("counting")
    batches = op.input("raw", flow, PartitionSource(kafka, kafka.topics.raw, decode, group="counting", **source))
    said = operate("count", batches, lambda _shard: Counting())
    op.output("totals", said, DatabaseSink(lambda: FileWriter(folder), kafka.partitions, flush_s=0.05))
    return flow


if __name__ == "__main__":
    bootstrap, namespace, folder = sys.argv[1:]
    settings = KafkaSettings(bootstrap=bootstrap, namespace=namespace, partitions=2)
    run_flow(counting(settings, Path(folder)), Path(folder) / "recovery", epoch_interval_s=0.2)
    (Path(folder) / "stopped").touch()
