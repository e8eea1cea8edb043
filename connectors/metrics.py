"""Metrics of a process for Prometheus: one registry, and a small server that shows it where a port is set.

Nothing here is called per message: parts count once a poll, a batch, a write or a snapshot, or are asked when somebody
scrapes (`Asked`). Names follow Prometheus' conventions: base units, `_total` for what only grows.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, ConfigDict, Field

log = structlog.get_logger(__name__)

REGISTRY: Final = CollectorRegistry()
"""Everything of ours that this process counts."""
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Buckets of how long something took."""
AGES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0, 86_400.0)
"""Buckets of how old something is."""


class MetricsSettings(BaseModel):
    """Where a process shows its metrics."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: Annotated[
        int,
        Field(
            ge=0,
            le=65_535,
            description="Port of the process's metrics for Prometheus; 0 = none. `up` counts on from it: control, bridge, flows",
        ),
    ] = 0
    host: Annotated[str, Field(description="Address on which metrics are shown")] = "127.0.0.1"


@contextmanager
def shown(settings: MetricsSettings) -> Iterator[int | None]:
    """Show the registry under `/metrics` while the block runs; the port, None where none is set.

    OSError names the port that is taken and the setting.
    """
    if settings.port == 0:
        yield None
        return
    try:
        server, thread = start_http_server(settings.port, settings.host, REGISTRY)
    except OSError as error:
        raise OSError(
            error.errno,
            f"metrics cannot be shown on {settings.host} port {settings.port} ({error.strerror}): "
            "free it, or set metrics.port to another one",
        ) from error
    log.info("metrics are shown", host=settings.host, port=settings.port)
    try:
        yield settings.port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Asked(Collector):
    """Figures that are read off an object when somebody scrapes, so that counting costs nothing: (name, words, read)."""

    def __init__(
        self,
        totals: Iterable[tuple[str, str, Callable[[], float]]] = (),
        gauges: Iterable[tuple[str, str, Callable[[], float]]] = (),
    ) -> None:
        self._totals, self._gauges = list(totals), list(gauges)

    def collect(self) -> Iterator[Metric]:
        """The figures now."""
        for name, words, read in self._totals:
            yield CounterMetricFamily(name, words, value=read())
        for name, words, read in self._gauges:
            yield GaugeMetricFamily(name, words, value=read())


@contextmanager
def asked(collector: Collector) -> Iterator[None]:
    """Have `collector` asked while the block runs."""
    REGISTRY.register(collector)
    try:
        yield
    finally:
        REGISTRY.unregister(collector)
