"""Everything against your own services: schema and topics, then bridge, flows and control, watched until you end it."""

import signal
import threading
from types import FrameType

from rich.console import Console

from chargewell.deployment import prepare
from chargewell.flows import NAMES
from chargewell.processes import Processes
from chargewell.settings import Settings, write


def start(settings: Settings, processes: Processes) -> None:
    """Start bridge, flows (fused or apart) and control, in the order in which data flow back: control first listens."""
    flows = ["all"] if settings.flows.layout == "fused" else [name for name in NAMES if name != "all"]
    processes.add("control", "control", environment=metrics_port(settings, 0))
    for i, name in enumerate(flows):
        processes.add(f"flow-{name}", "flow", name, stop_s=30.0, environment=metrics_port(settings, 2 + i))
    processes.add("bridge", "bridge", environment=metrics_port(settings, 1))


def metrics_port(settings: Settings, place: int) -> dict[str, str]:
    """The environment that gives a process on this machine its own port for metrics: control, bridge, then the flows."""
    port = settings.metrics.port
    return {} if port == 0 else {"CHARGEWELL_METRICS__PORT": str(port + place)}


def run(settings: Settings, console: Console) -> None:
    """Run until SIGINT or SIGTERM; ends what it started."""
    for line in prepare(settings):
        console.print(line)
    config = settings.data_dir / "run" / "settings.toml"
    write(settings, config)
    processes = Processes(config, settings.data_dir / "logs", note=console.print)
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        start(settings, processes)
        processes.add("tidy", "tidy", "--every", "24")
        console.print(
            f"Chargewell runs. Control: {settings.control.public_url}. Logs: {processes.logs}. Ctrl-C ends it."
        )
        while not ended.wait(1.0):
            processes.watch()
    finally:
        processes.stop()
