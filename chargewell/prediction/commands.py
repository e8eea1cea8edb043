"""The commands `train` and `models`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from chargewell.terminal import screen

models = typer.Typer(help="Failure models: which there are, how good they are, which one counts.", no_args_is_help=True)


def _settings() -> Any:
    from chargewell.settings import load

    return load()


def train(
    simulated: Annotated[
        bool,
        typer.Option(
            "--simulated", help="Learn from simulated fleets, judged in a second world; else from what is stored"
        ),
    ] = False,
    version: Annotated[
        str | None, typer.Option(help="Name of the new model; default: source, date and four letters")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Write the model to this file instead of entering it")] = None,
    online: Annotated[bool, typer.Option(help="Compare with River's online models too")] = False,
    scale: Annotated[float, typer.Option(min=0.05, max=10, help="Size of the simulated fleets; 1: 550 stations")] = 1.0,
    level: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=0.99, help="P(7 days) from which it orders; default: one false order in 100 port-months"
        ),
    ] = None,
) -> None:
    """Train a failure model and judge it; it runs in shadow until promoted. Exit status 1 (the old model stays) if it does not beat base rate, age and recent errors."""
    from chargewell.prediction.train import run

    raise typer.Exit(
        run(
            _settings(),
            screen,
            simulated=simulated,
            version=version,
            file=file,
            online=online,
            scale=scale,
            level=level,
        )
    )


@models.command("list")
def list_models() -> None:
    """All models with their state and scores, the live one first."""
    from connectors.timescale.models import entries
    from connectors.timescale.pool import connect

    table = Table(title="failure models", title_justify="left")
    for name in (
        "version",
        "state",
        "source",
        "trained",
        "from",
        "to",
        "level",
        "PR-AUC 7d",
        "Brier",
        "calibration",
        "promoted",
    ):
        table.add_column(name)
    with connect(_settings().database, application="chargewell models") as conn:
        for one in entries(conn):
            scores = [
                f"{one.scores[n]:.4f}" if n in one.scores else "" for n in ("pr_auc.7d", "brier.score", "calibration")
            ]
            times = [f"{t:%Y-%m-%d}" for t in (one.trained_at, one.from_at, one.to_at)]
            promoted = "" if one.promoted_at is None else f"{one.promoted_at:%Y-%m-%d %H:%M}"
            table.add_row(one.version, one.state, one.source, *times, f"{one.level:.2f}", *scores, promoted)
    screen.print(table)


@models.command("show")
def show_model(
    version: Annotated[str, typer.Argument(help="Version of the model")],
    file: Annotated[Path | None, typer.Option(help="Write the model to this file too")] = None,
) -> None:
    """Everything that is known of a model: span of its data, all scores, features by family."""
    from connectors.timescale.models import body, entry
    from connectors.timescale.pool import connect

    with connect(_settings().database, application="chargewell models") as conn:
        one, data = entry(conn, version), body(conn, version)
    screen.print(
        f"{one.version}: {one.state}, {one.source}, {len(data):,} bytes, level {one.level:.3f}", highlight=False
    )
    screen.print(
        f"data from {one.from_at:%Y-%m-%d} to {one.to_at:%Y-%m-%d}, trained {one.trained_at:%Y-%m-%d %H:%M} UTC"
    )
    for name, value in sorted(one.scores.items()):
        screen.print(f"  {name}: {value:.5g}", highlight=False)
    for family, names in one.features.items():
        screen.print(f"{family}: {len(names)} features: {', '.join(sorted(names)[:4])}, ...", highlight=False)
    if file is not None:
        file.write_bytes(data)


@models.command("add")
def add_model(
    file: Annotated[Path, typer.Argument(help="A model file, as `train --file` or `models show --file` wrote it")],
) -> None:
    """Enter a model from a file, in shadow. Foreign and damaged files are refused; nothing in a file is ever run."""
    from chargewell.prediction.registry import enter
    from connectors.timescale.pool import connect
    from models.failure.bundle import unpack

    bundle = unpack(file.read_bytes())
    with connect(_settings().database, application="chargewell models") as conn:
        entry = enter(conn, bundle, f"file {file.name}")
    screen.print(f"{entry.version} is {entry.state}")


@models.command("promote")
def promote_model(
    version: Annotated[str, typer.Argument(help="Version of the model")],
    level: Annotated[
        float | None, typer.Option(min=0.01, max=0.99, help="P(7 days) from which it orders; default: as it was judged")
    ] = None,
) -> None:
    """Make a model the live one: from the next hour on its risks raise alerts. The one that was live is retired."""
    from connectors.timescale.models import promote
    from connectors.timescale.pool import connect

    with connect(_settings().database, application="chargewell models") as conn:
        entry = promote(conn, version, level=level)
    screen.print(f"{entry.version} is live, its level is {entry.level:.2f}")


@models.command("rollback")
def rollback_model() -> None:
    """Go back to the model that was live before this one."""
    from connectors.timescale.models import rollback
    from connectors.timescale.pool import connect

    with connect(_settings().database, application="chargewell models") as conn:
        entry = rollback(conn)
    screen.print(f"{entry.version} is live again")
