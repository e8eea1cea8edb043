"""The command `train`: learn, judge elsewhere, say how good it is, and keep the model only if it is better than knowing nothing."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from rich.console import Console

from chargewell.prediction.online import compare
from chargewell.prediction.registry import enter
from chargewell.prediction.report import show, show_level, show_online
from chargewell.prediction.simulated import Plan, simulate
from chargewell.prediction.stored import fleet, parted
from chargewell.settings import Settings
from connectors.timescale.models import Entry
from connectors.timescale.pool import connect
from models.failure.asked import Asked, ask
from models.failure.bundle import Bundle, pack
from models.failure.features import Preparation
from models.failure.hazard import HazardModel
from models.failure.hours import HOUR_US
from models.failure.judge import WEEK, Judged, beats, by_family, figures, judge
from models.failure.orders import level_of, orders
from models.failure.teach import Taught, teach

WORKERS: Final = 2
TEACHES: Final = Plan(260, 60, 101, 20_000)
TUNES: Final = Plan(130, 45, 202, 20_180)
JUDGES: Final = Plan(160, 50, 303, 20_290, other=True)
"""The fleets of `train --simulated`: the one that judges has another seed, another season, other physics and other ageing."""
HIGHEST: Final = 0.99
LOWEST: Final = 0.02
_FEW_HOURS: Final = 300_000
"""Below it a second process takes longer to start than it saves."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A model with how it was judged: the model first, then the baselines."""

    bundle: Bundle
    judged: list[Judged]
    asked: Asked
    fleets: tuple[Taught, Taught, Taught]

    @property
    def why_not(self) -> list[str]:
        """Why it is not better than the baselines; empty if it is."""
        return beats(self.judged)


def run(
    settings: Settings,
    console: Console,
    *,
    simulated: bool,
    version: str | None,
    file: Path | None,
    online: bool,
    scale: float,
    level: float | None = None,
) -> int:
    """Train, print, keep; 0 if a model was kept, 1 if it is not better than the baselines (the old one stays)."""
    learned = from_simulation(version, console, scale) if simulated else from_database(settings, version)
    if level is not None:
        learned.bundle.scores["level"] = level
    answers = learned.asked.answers["model"]
    show(learned.judged, by_family(learned.asked, answers), learned.asked, console)
    show_level(orders(learned.asked, answers[:, WEEK], learned.bundle.scores["level"]), console)
    if online:
        bundle = learned.bundle
        names = bundle.preparation.signature[4]
        show_online(compare(learned.fleets[2], bundle.preparation, bundle.hazards, names), console)
    if learned.why_not:
        for text in learned.why_not:
            console.print(f"[red]not better:[/red] {text}")
        console.print("The model is thrown away; the one that was live stays.")
        return 1
    if file is not None:
        file.write_bytes(pack(learned.bundle))
        console.print(f"written to {file}")
        return 0
    entry = keep(settings, learned.bundle, "simulated fleets" if simulated else "stored history")
    console.print(
        f"model {entry.version} runs {'live' if entry.state == 'live' else 'in shadow: chargewell models promote'}"
    )
    return 0


def keep(settings: Settings, bundle: Bundle, source: str) -> Entry:
    """Enter the model in the table, and lay its file beside the deployment's data."""
    with connect(settings.database, application="chargewell train") as conn:
        entry = enter(conn, bundle, source)
    folder = settings.data_dir / "models"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{bundle.version}.cwm").write_bytes(pack(bundle))
    return entry


def from_simulation(version: str | None, console: Console, scale: float = 1.0) -> Learned:
    """Learn from simulated fleets. `scale` makes them smaller or larger."""
    plans = [_scaled(plan, scale) for plan in (TEACHES, TUNES, JUDGES)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        console.print(f"simulating {sum(p.stations for p in plans)} stations")
        taught, tuned, judged = pool.map(simulate, plans)
    return learn((taught, tuned, judged), version or _version("simulated"))


def _scaled(plan: Plan, scale: float) -> Plan:
    return Plan(max(4, round(plan.stations * scale)), plan.days, plan.seed, plan.start_day, plan.other)


def from_database(settings: Settings, version: str | None) -> Learned:
    """Learn from what is stored: judged on the last fifth of the time, then trained anew on all of it."""
    with connect(
        settings.database.model_copy(update={"statement_timeout_s": 0}), application="chargewell train"
    ) as conn:
        whole = fleet(conn)
    learned = learn(parted(whole), version or _version("stored"))
    if learned.why_not:
        return learned
    preparation, models = _taught([whole])
    return Learned(_bundle(learned.bundle.version, whole, preparation, models, learned.bundle.scores), learned.judged,
                   learned.asked, learned.fleets)  # fmt: skip


def learn(fleets: tuple[Taught, Taught, Taught], version: str) -> Learned:
    """Learn from the first fleet, set the level on the second, judge on the third."""
    taught, tuned, judged = fleets
    preparation, models = _taught([taught])
    names = preparation.signature[4]
    tune = ask(tuned, preparation, models, names)
    asked = ask(judged, preparation, models, names)
    found = judge(asked, tune)
    level = min(max(level_of(tune, tune.answers["model"][:, 1]), LOWEST), HIGHEST)
    scores = figures(found[0], by_family(asked, asked.answers["model"])) | {"level": level}
    return Learned(_bundle(version, taught, preparation, models, scores), found, asked, fleets)


def _taught(fleets: Sequence[Taught]) -> tuple[Preparation, list[HazardModel]]:
    if sum(len(fleet.hours) for fleet in fleets) < _FEW_HOURS:
        return teach(fleets)
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        return teach(fleets, each=pool.map)


def _bundle(
    version: str, taught: Taught, preparation: Preparation, models: Sequence[HazardModel], scores: dict[str, float]
) -> Bundle:
    begin = int(taught.hours.at.min()) // HOUR_US
    plain = {name: float(value) for name, value in scores.items() if value == value}
    return Bundle(version, (begin, taught.until_us // HOUR_US), preparation, tuple(models), scores=plain)


def _version(source: str) -> str:
    now = datetime.now(UTC)
    return f"{source}-{now:%Y-%m-%d}.{hashlib.sha256(now.isoformat().encode()).hexdigest()[:4]}"
