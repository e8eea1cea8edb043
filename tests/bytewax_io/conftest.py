"""A deployment of its own for each test: a namespace on the run's Kafka, with its topics."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import confluent_kafka as ck
import pytest

from connectors.kafka import Producer, ends, read_span
from connectors.stopping import request_stop

HERE = Path(__file__).parent


@pytest.fixture
def fill(kafka) -> Callable[..., None]:
    """`fill(partition, values, topic=raw)`: write records and wait until Kafka has them."""

    def write(partition: int, values: list[bytes], topic: str | None = None) -> None:
        producer = Producer(kafka, "fill")
        for value in values:
            producer.send(topic or kafka.topics.raw, value, partition=partition)
        producer.flush()

    return write


@pytest.fixture
def read(kafka) -> Callable[[str, int], list[bytes]]:
    """`read(topic, partition)`: the values that a partition holds."""

    def values(topic: str, partition: int) -> list[bytes]:
        low, high = ends(kafka, topic)[partition]
        return [m.value() for ms in read_span(kafka, topic, partition, low, high) for m in ms]

    return values


@pytest.fixture
def flow_process(kafka, tmp_path) -> Iterator[Callable[[], subprocess.Popen]]:
    """`flow_process()`: start the counting flow as a process of its own on this deployment; ended after the test."""
    started: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        log = (tmp_path / "flow.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, str(HERE / "counting_flow.py"), kafka.bootstrap, kafka.namespace, str(tmp_path)],
            env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
            stdout=log,
            stderr=log,
        )
        log.close()
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


@pytest.fixture(autouse=True)
def _no_flow_left() -> Iterator[None]:
    """A flow that a failed test left in a thread ends with the test."""
    yield
    request_stop()


@pytest.fixture
def delete_before(kafka, kafka_admin) -> Callable[[int, int], None]:
    """`delete_before(partition, offset)`: delete the older records of `ev.raw`, as retention would."""

    def delete(partition: int, offset: int) -> None:
        wanted = ck.TopicPartition(kafka.topics.raw, partition, offset)
        for future in kafka_admin.delete_records([wanted]).values():
            future.result(60)

    return delete
