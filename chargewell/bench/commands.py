"""`chargewell bench ...`: each command loads only what it needs."""

from pathlib import Path
from typing import Annotated

import typer

from chargewell.settings import load
from chargewell.terminal import screen

app = typer.Typer(help="Measure: speed beside rivals, accuracy on labelled data.", no_args_is_help=True)


@app.command()
def chain(
    seconds: Annotated[float, typer.Option(help="Length of a stage")] = 10,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds; the median is quoted")] = 3,
) -> None:
    """Speed of normalise, store, anomaly and the fused flow beside rivals; the sink beside a bare COPY; latency."""
    from chargewell.bench.chain import run

    raise typer.Exit(run(load(), seconds=seconds, repeats=repeats, console=screen))


@app.command()
def bridge(
    seconds: Annotated[float, typer.Option(help="Longest length of a stage")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds; the median is quoted")] = 3,
) -> None:
    """The bridge beside a subscriber that only acknowledges, and what it holds while Kafka is slow or gone."""
    from chargewell.bench.bridge import run

    raise typer.Exit(run(load(), seconds=seconds, repeats=repeats, console=screen))


@app.command()
def anomaly(data: Annotated[Path, typer.Option(help="Folder with the public scorers and data")]) -> None:
    """Accuracy of every detector on public labelled data, one parameter set."""
    from chargewell.bench.anomaly import run

    run(data)


@app.command()
def failure(data: Annotated[Path, typer.Option(help="Folder with the public scorers and data")]) -> None:
    """Failure prediction and remaining life on public data, one parameter set."""
    from chargewell.bench.failure import run

    run(data)


@app.command()
def chargers(
    world: Annotated[str, typer.Option(help="judging, or tuning: other seeds and other physics")] = "judging",
    ports: Annotated[int, typer.Option(min=20, help="Ports of each fleet; five fleets are simulated")] = 60,
    days: Annotated[float, typer.Option(min=22, help="Days of each fleet; ports learn for the first fourteen")] = 30,
    rivals: Annotated[bool, typer.Option(help="Let the rivals watch too")] = True,
) -> None:
    """Labelled faults in simulated fleets: what is found, how early, with the right cause, at what price in false alerts."""
    from chargewell.bench.chargers.command import run

    run(world=world, stations=max(10, ports // 2), days=days, rivals=rivals, console=screen)


@app.command()
def detectors(
    seconds: Annotated[float, typer.Option(help="CPU seconds a measurement")] = 3,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds; the median is quoted")] = 3,
) -> None:
    """Speed of the anomaly operator from 100 to 100,000 ports, and bytes a port."""
    from chargewell.bench.detectors import run

    run(seconds=seconds, repeats=repeats, console=screen)


@app.command()
def dashboards(
    days: Annotated[float, typer.Option(min=1, help="Days of simulated history")] = 30,
    stations: Annotated[int, typer.Option(min=10, help="Stations of the simulated network; 60 have 120 ports")] = 60,
    year: Annotated[bool, typer.Option(help="Also a generated year of 1,000 ports")] = True,
    repeats: Annotated[int, typer.Option(min=1, help="Times each query is asked; the median is quoted")] = 3,
) -> None:
    """Time every query of every dashboard. Exit status 1 if one takes a second or more."""
    from chargewell.bench.dashboards import run

    raise typer.Exit(run(load(), screen, days=days, stations=stations, year=year, repeats=repeats))
