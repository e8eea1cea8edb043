"""The command `chargewell torture`: a recording made, played calm and torn, and what was found, told."""

import tempfile
import time
from pathlib import Path

from rich.console import Console

from chargewell.settings import Settings
from chargewell.torture.recorded import record
from chargewell.torture.run import Ordeal, torture


def run(
    settings: Settings, console: Console, *, minutes: float, stations: int, kills: int, service_kills: int,
    speed: float, seed: int,
) -> int:  # fmt: skip
    """Exit status: 0 if both plays left equal tables, else 1, with the rows that differ.

    Of `settings` only the choice of services counts; they are started for this alone, and nothing that exists is touched.
    """
    began = time.monotonic()

    def note(text: str) -> None:
        console.print(f"[{time.monotonic() - began:6.0f} s] {text}", markup=False, highlight=False)

    with tempfile.TemporaryDirectory(prefix="chargewell-recording-") as folder:
        recorded = record(Path(folder) / "recording.jsonl", stations=stations, minutes=minutes, seed=seed)
        ordeal = Ordeal(of_ours=kills, of_services=service_kills)
        torn = torture(recorded, ordeal, speed=speed, services=settings.services, seed=seed, note=note)
    note("killed: " + (", ".join(f"{name} {times}x" for name, times in sorted(torn.kills.items())) or "nothing"))
    note("rows compared: " + ", ".join(f"{table} {rows:,}" for table, rows in torn.compared.items()))
    for difference in torn.differences:
        console.print(str(difference), markup=False, highlight=False)
    note("the tables differ" if torn.differences else "twice the same")
    return 1 if torn.differences else 0
