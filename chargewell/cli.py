"""The command line. Each command loads only what it needs; an error of the user's is one clear line, not a traceback."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from chargewell.bench.commands import app as bench
from chargewell.dashboards_command import app as dashboards
from chargewell.prediction.commands import models, train
from chargewell.settings import CONFIG_VARIABLE, Settings, SettingsFileError, load
from chargewell.terminal import errors, screen

app = typer.Typer(
    name="chargewell",
    help="Keeps public EV-charging networks well: honest uptime, early fault detection, repairs that get done, money put right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
assets = typer.Typer(help="The registry: sites, stations, ports, connectors, tariffs.", no_args_is_help=True)
app.add_typer(assets, name="assets")
labels = typer.Typer(help="What people know of faults, for failure models to learn from.", no_args_is_help=True)
app.add_typer(labels, name="labels")
app.add_typer(bench, name="bench")
app.add_typer(dashboards, name="dashboards")

app.add_typer(models, name="models")
app.command()(train)


@app.callback()
def common(
    config: Annotated[
        Path | None, typer.Option(help="TOML file with settings; else chargewell.toml, if there is one")
    ] = None,
) -> None:
    """Settings come from the environment (CHARGEWELL_...) and a TOML file; docs/settings.md lists them."""
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config)


@app.command()
def demo(
    seconds: Annotated[
        float, typer.Option(envvar="DEMO_SECONDS", help="End by itself after this long; 0: on Ctrl-C")
    ] = 0,
    days: Annotated[int, typer.Option(min=1, max=365, help="Days of history to write first")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the simulated network")] = 7,
    keep: Annotated[bool, typer.Option(help="Keep the data folder of an earlier demo and go on from there")] = False,
) -> None:
    """Show it all: services, thirty days of history, a live simulated network with faults, and what came of it."""
    from chargewell.demo.run import run

    raise typer.Exit(run(_settings(), seconds=seconds, days=days, seed=seed, keep=keep, console=screen))


@app.command()
def up() -> None:
    """Run everything against your own services: bridge, flows, control. No simulator."""
    from chargewell.up import run

    run(_settings(), screen)


@app.command()
def bridge() -> None:
    """Carry MQTT messages into Kafka, each acknowledged once Kafka has it."""
    from chargewell.run import run_bridge

    run_bridge(_settings())


@app.command()
def flow(
    name: Annotated[
        str, typer.Argument(help="normalise, store, sessions, uptime, anomaly, failure, or all (fused in one process)")
    ],
    rebuild: Annotated[bool, typer.Option(help="Forget the state and make it anew from the database")] = False,
) -> None:
    """Run one dataflow, or all of them fused."""
    from chargewell.run import run_flow

    run_flow(_settings(), name, rebuild=rebuild)


@app.command()
def control() -> None:
    """Run the control service: alerts in; incidents, work orders, commands and credits out; API and pages."""
    from chargewell.run import run_control

    run_control(_settings())


@app.command()
def simulate(
    minutes: Annotated[float, typer.Option(min=0, help="End after this long; 0: on Ctrl-C")] = 0,
    script: Annotated[
        bool, typer.Option(help="Let the faults of the demo happen, beginning ten seconds after the start")
    ] = False,
    sessions: Annotated[
        Path | None,
        typer.Option(help="Play real charging sessions: a file of the Caltech (ACN) kind, .json or .json.gz"),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0, help="With --sessions: times faster than life; 0: as fast as can be")
    ] = 0,
) -> None:
    """Be a charging network (settings simulator.*): publish over MQTT like the real thing."""
    from chargewell import simulate as simulating

    if sessions is None:
        simulating.run(_settings(), seconds=minutes * 60, script=script, console=screen)
    else:
        simulating.play_sessions(_settings(), sessions, speed=speed, console=screen)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="JSON lines: topic, payload, at; .gz is understood")],
    speed: Annotated[
        float, typer.Option(help="1: as recorded, 10: ten times faster, 0: as fast as the broker takes it")
    ] = 1,
) -> None:
    """Play a recording of MQTT messages through the broker."""
    from chargewell.replay import run

    run(_settings(), file, speed=speed, console=screen)


@app.command()
def migrate() -> None:
    """Make or update the database schema and the Kafka topics. Safe to run again."""
    from chargewell.deployment import prepare

    for line in prepare(_settings()):
        screen.print(line)


@app.command()
def tidy(
    every: Annotated[float, typer.Option(min=0, help="Do it every so many hours until stopped; 0: once")] = 0,
) -> None:
    """Drop what is older than it is kept, put registry rows in force whose time has come, compress old chunks."""
    from chargewell.run import run_tidy

    run_tidy(_settings(), every, screen)


@app.command()
def doctor() -> None:
    """Say which services are used and why, and whether this deployment is sound. Exit status 1 if it is not."""
    from chargewell.deployment import examine

    raise typer.Exit(examine(_settings(), screen))


@app.command()
def health(
    process: Annotated[str, typer.Argument(help="bridge or flows")],
    late: Annotated[float, typer.Option(min=1, help="Seconds after which work must have been done")] = 60,
) -> None:
    """Say whether a process does its work, seen from outside. Exit status 1, and what is late, if it does not."""
    from chargewell.health import CHECKS

    if process not in CHECKS:
        raise typer.BadParameter(f"{process!r} is not one of {', '.join(CHECKS)}")
    problems = CHECKS[process](_settings(), late)
    for problem in problems:
        errors.print(problem, style="red", markup=False, highlight=False)
    raise typer.Exit(1 if problems else 0)


@app.command()
def audit(
    hours: Annotated[float, typer.Option(help="Look back this far; 0: as far as the log reaches")] = 0,
    ledger: Annotated[Path | None, typer.Option(help="The simulator's ledger to hold the log against")] = None,
) -> None:
    """Hold ledger, log and tables against each other. Exit status 1, and each difference by name, if anything is amiss."""
    from chargewell.audit.run import run

    raise typer.Exit(run(_settings(), hours=hours, ledger=ledger, console=screen))


@app.command()
def export(
    view: Annotated[str, typer.Argument(help="A public view, e.g. reading; `list` says which there are")],
    file: Annotated[Path | None, typer.Argument(help="The Parquet file to write")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First time, ISO 8601; UTC unless it has a zone")] = None,
    end: Annotated[str | None, typer.Option("--to", help="End of the span, not part of it")] = None,
    port: Annotated[list[str] | None, typer.Option(help="Only this port; may be given again")] = None,
    column: Annotated[list[str] | None, typer.Option(help="Only this column; may be given again")] = None,
) -> None:
    """Write a public view to a Parquet file with its schema, any span, in bounded memory."""
    from chargewell import export as exporting
    from connectors.timescale.public import Choice

    if file is None:
        if view != "list":
            raise typer.BadParameter("which file? e.g. chargewell export reading reading.parquet")
        exporting.list_views(_settings(), screen)
        return
    choice = Choice(column or (), port or (), exporting.parse_time(start), exporting.parse_time(end))
    rows = exporting.export(_settings(), view, file, choice)
    screen.print(f"{rows:,} rows of {view} to {file} ({file.stat().st_size:,} bytes)", highlight=False)


@app.command()
def torture(
    minutes: Annotated[float, typer.Option(min=1, help="Length of the recording, in simulated minutes")] = 10,
    stations: Annotated[int, typer.Option(min=1, help="Stations of the simulated network; its faults need 60")] = 60,
    kills: Annotated[int, typer.Option(min=0, help="Kills of each process: bridge, each flow, control")] = 20,
    service_kills: Annotated[int, typer.Option(min=0, help="Kills of Kafka, and of the database")] = 5,
    speed: Annotated[float, typer.Option(min=0.1, help="Times faster than recorded")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the network and of the moments of the kills")] = 5,
) -> None:
    """Play one recording undisturbed and again under kill -9, on services of its own. Exit status 1, and each difference, if the tables differ."""
    from chargewell.torture.command import run

    raise typer.Exit(
        run(
            _settings(), screen, minutes=minutes, stations=stations, kills=kills, service_kills=service_kills,
            speed=speed, seed=seed,
        )
    )  # fmt: skip


@assets.command("import")
def assets_import(path: Annotated[Path, typer.Argument(help="A TOML file, or a folder of CSV files")]) -> None:
    """Take sites, stations, ports, connectors and tariffs into the registry."""
    from chargewell.deployment import import_assets

    screen.print(import_assets(_settings(), path))


@assets.command("export")
def assets_export(path: Annotated[Path, typer.Argument(help="A TOML file, or a folder for CSV files")]) -> None:
    """Write the registry to a file or folder that import takes."""
    from chargewell.deployment import export_assets

    screen.print(export_assets(_settings(), path))


@assets.command("check")
def assets_check(path: Annotated[Path, typer.Argument(help="A TOML file, or a folder of CSV files")]) -> None:
    """Check a registry file without importing it. Exit status 1 if something is wrong."""
    from chargewell.deployment import check_assets

    raise typer.Exit(check_assets(path, screen))


@labels.command("import")
def labels_import(
    path: Annotated[
        Path, typer.Argument(help="JSON lines: port, start, end, fault, source, who, ... (schemas.labels)")
    ],
) -> None:
    """Take labels in; all of the file or, where a line is wrong, none. Safe to run again."""
    from chargewell.labels import import_labels

    screen.print(import_labels(_settings(), path), markup=False, highlight=False)


def _settings() -> Settings:
    return load()


def main() -> None:
    """Run the command line; known errors end with one line on standard error and status 1 (2 for settings)."""
    _guarded(lambda: app(standalone_mode=True))


def _guarded(command: Callable[[], Any]) -> None:
    from chargewell.failures import KNOWN

    try:
        command()
    except SettingsFileError as error:
        errors.print(str(error), style="red", markup=False, highlight=False)
        sys.exit(2)
    except KNOWN as error:
        errors.print(f"chargewell: {error}", style="red", markup=False, highlight=False)
        sys.exit(1)
