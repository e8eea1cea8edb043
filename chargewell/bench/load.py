"""The load of the chain benchmark: canonical readings of many ports in `ev.raw`, as a bridge would have written them."""

import time
from datetime import UTC, datetime
from functools import cache

import numpy as np
import orjson

from connectors.kafka import KafkaSettings, Producer, ends, ensure_topics
from connectors.timescale import registry
from connectors.timescale.pool import connect
from connectors.timescale.settings import DatabaseSettings
from schemas.assets import Port, Registry, Site, Station
from schemas.telemetry import encode_cw
from schemas.topics import partition_of

PORTS = 2_000
_partition = cache(partition_of)
STEP_MS = 1_000


def enter_ports(database: DatabaseSettings) -> None:
    """The ports of the load as DC ports of the registry, as a network's are."""
    names = [f"BENCH-{i:04d}" for i in range(PORTS // 2)]
    since = datetime(2025, 1, 1, tzinfo=UTC)
    network = Registry(
        site=(Site(site="BENCH", time_zone="UTC", valid_from=since),),
        station=tuple(Station(station=name, site="BENCH", valid_from=since) for name in names),
        port=tuple(
            Port(station=name, number=n, kind="dc", rated_w=150_000, valid_from=since) for name in names for n in (1, 2)
        ),
    )
    with connect(database) as conn:
        registry.store(conn, network)


def fill(kafka: KafkaSettings, readings: int, seed: int = 1) -> dict[int, int]:
    """Write `readings` readings (three channels, one message each, about 140 bytes) of 2,000 ports; partition -> end offset.

    Each port charges: values wander around a level of its own. A heartbeat follows every 10,000 messages on every partition.
    """
    ensure_topics(kafka)
    chance = np.random.default_rng(seed)
    levels = np.stack(
        [chance.uniform(220, 800, PORTS), chance.uniform(10, 300, PORTS), chance.uniform(20, 45, PORTS)], 1
    )
    start = time.time_ns() // 1_000_000 - readings // PORTS * STEP_MS - 60_000
    producer = Producer(kafka, "bench-load")
    for first in range(0, readings, PORTS):
        values = np.round(levels + chance.normal(0, (0.5, 0.3, 0.1), levels.shape), 2)
        at = start + first // PORTS * STEP_MS
        for port, (voltage, current, temperature) in enumerate(values.tolist()):
            _send(
                producer,
                kafka,
                port,
                at,
                {"voltage": voltage, "current": current, "temp_connector": temperature},
                first,
            )
        if first % 20_000 == 0:
            _beats(producer, kafka, at * 1_000)
    _beats(producer, kafka, (start + readings // PORTS * STEP_MS) * 1_000)
    producer.flush(60)
    return {partition: high for partition, (_, high) in ends(kafka, kafka.topics.raw).items()}


def _send(producer: Producer, kafka: KafkaSettings, port: int, at: int, channels: dict[str, float], n: int) -> None:
    station = f"BENCH-{port // 2:04d}"
    cw = encode_cw("m", at * 1_000 + 5_000, False, False, "from", 1, "bench", n + port)
    producer.send(
        kafka.topics.raw,
        orjson.dumps({"port": port % 2 + 1, "at": at, **channels}),
        key=f"ev/{station}/from/reading".encode(),
        partition=_partition(station.encode(), kafka.partitions),
        headers=[("cw", cw)],
    )


def _beats(producer: Producer, kafka: KafkaSettings, at_us: int) -> None:
    for partition in range(kafka.partitions):
        producer.send(
            kafka.topics.raw,
            orjson.dumps(
                {"bridge": "bench", "at": at_us, "connected": True, "since": at_us - 1_000_000, "filters": ["ev/#"]}
            ),
            partition=partition,
            headers=[("cw", encode_cw("h", at_us, False, False, "other", 1, "bench", 0))],
        )
