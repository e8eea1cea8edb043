"""Names on the wire: MQTT topics, Kafka topics, headers, shards.

MQTT, ours: `ev/<station>/from/<kind>` (a station speaks) and `ev/<station>/to/<kind>` (something is said to it).
Kafka: `ev.raw`, `ev.telemetry`, `ev.rejects`, `ev.alerts`, each behind the deployment's namespace prefix.
"""

import re
from dataclasses import dataclass
from typing import Final

STATION_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}"
_STATION: Final = re.compile(rf"\A{STATION_PATTERN}\Z")

FROM_KINDS: Final = ("reading", "readings", "event", "heartbeat", "connection", "ocpp16", "ocpp201")
TO_KINDS: Final = ("command", "ocpp16", "ocpp201")

SHARD_NAMES: Final[tuple[str, ...]] = (
    "00n", "01d", "02g", "03b", "04i", "05l", "06d", "07n", "08f", "09d", "10d", "11e", "12k", "13c", "14q", "15h",
)  # fmt: skip
"""Bytewax keys of shards 0..15, chosen to spread evenly over 2, 4 and 8 workers (Bytewax hashes keys to workers)."""


def is_station(text: str) -> bool:
    """Whether `text` can be a station id: 1 to 64 of letters, digits and ``._:@-``, not starting with a sign."""
    return _STATION.match(text) is not None


def shard_name(partition: int) -> str:
    """The Bytewax key of a shard (a partition of `ev.telemetry`); partitions above 15 get a plain three-digit name."""
    return SHARD_NAMES[partition] if partition < len(SHARD_NAMES) else f"{partition:03d}"


def shard_partition(name: str) -> int:
    """The partition a shard name stands for; inverse of `shard_name`."""
    return int(name[:2]) if name in SHARD_NAMES else int(name)


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a Kafka key under Java's default partitioner (murmur2), as our producers are set to use.

    Source: org.apache.kafka.common.utils.Utils.murmur2 and BuiltInPartitioner.partitionForKey.
    """
    mask = 0xFFFFFFFF
    m = 0x5BD1E995
    h = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = key[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    h ^= h >> 15
    return (h & 0x7FFFFFFF) % partitions


@dataclass(frozen=True, slots=True)
class KafkaTopics:
    """The four Kafka topics of one deployment; `namespace` "" gives the bare names."""

    namespace: str = ""

    def _named(self, name: str) -> str:
        return f"{self.namespace}.{name}" if self.namespace else name

    @property
    def raw(self) -> str:
        """MQTT messages as they came, and bridge heartbeats."""
        return self._named("ev.raw")

    @property
    def telemetry(self) -> str:
        """Readings, events, heartbeats in order, packed (see `schemas.telemetry`)."""
        return self._named("ev.telemetry")

    @property
    def rejects(self) -> str:
        """What could not be understood, with its reason."""
        return self._named("ev.rejects")

    @property
    def alerts(self) -> str:
        """Alerts (`schemas.alerts`), keyed by port."""
        return self._named("ev.alerts")
