"""`chargewell dashboards push|check|write`: the dashboards into Grafana, compared with it, or into files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chargewell.settings import Settings, load
from chargewell.terminal import screen

if TYPE_CHECKING:
    from connectors.grafana.api import Grafana

app = typer.Typer(help="Grafana: dashboards, alert rules and the data source, from code.", no_args_is_help=True)


@app.command()
def push() -> None:
    """Bring Grafana (settings grafana.*) to what the code says; what is as it should be is not touched."""
    from connectors.grafana.api import Grafana

    settings = load()
    with Grafana(settings.grafana) as grafana:
        problem = _push(grafana, settings)
    if problem is not None:
        _told(problem)
        raise typer.Exit(1)


@app.command()
def check() -> None:
    """Say where Grafana differs from the code. Exit status 1 if it does, or if the data source does not answer."""
    from connectors.grafana.api import Grafana

    settings = load()
    with Grafana(settings.grafana) as grafana:
        problems = _problems(grafana, settings)
    for problem in problems:
        _told(problem)
    if problems:
        _told("run `chargewell dashboards push` to bring Grafana up to date")
        raise typer.Exit(1)
    _told("all dashboards and alert rules are as the code says, and the data source answers")


@app.command()
def write(
    dashboards: Annotated[Path, typer.Option(help="Folder for the dashboards")] = Path("dashboards"),
    deploy: Annotated[Path, typer.Option(help="Folder with Grafana's provisioning files")] = Path("deploy/grafana"),
    control: Annotated[str | None, typer.Option(help="Address of the control pages; else the default one")] = None,
) -> None:
    """Write the dashboards and alert rules as files, for Grafana's provisioning."""
    from dashboards.files import write as write_files
    from dashboards.variables import DEFAULT_CONTROL_URL

    written = write_files(dashboards, deploy, control or DEFAULT_CONTROL_URL)
    for path in written:
        _told("written", str(path))
    if not written:
        _told("all files are as the code says")


def _push(grafana: "Grafana", settings: Settings) -> str | None:
    """Store all; what is wrong with the data source then, or None."""
    from dashboards import alert_rules, sql
    from dashboards.files import all_json, rules_json

    _told(f"Grafana {grafana.version()}", str(settings.grafana.url))
    _told("folder", alert_rules.FOLDER, grafana.folder(alert_rules.FOLDER_UID, alert_rules.FOLDER))
    _told("data source", sql.SOURCE_UID, grafana.source(sql.SOURCE_UID, sql.SOURCE_TYPE))
    for uid, dashboard in all_json(control_url(settings)).items():
        _told("dashboard", uid, grafana.dashboard(dashboard, alert_rules.FOLDER_UID))
    for rule in rules_json():
        _told("alert rule", rule["uid"], grafana.rule(rule))
    return grafana.source_problem(sql.SOURCE_UID)


def _problems(grafana: "Grafana", settings: Settings) -> list[str]:
    from dashboards import sql
    from dashboards.files import all_json, rules_json

    _told(f"Grafana {grafana.version()}", str(settings.grafana.url))
    states = [
        (f"dashboard {uid}", grafana.dashboard_state(made)) for uid, made in all_json(control_url(settings)).items()
    ]
    states += [(f"alert rule {rule['uid']}", grafana.rule_state(rule)) for rule in rules_json()]
    problems = [f"{what}: {_words(state)}" for what, state in states if state is not None]
    source = grafana.source_problem(sql.SOURCE_UID)
    return problems + ([] if source is None else [source])


def control_url(settings: Settings) -> str:
    """Where people reach the control pages."""
    return str(settings.control.public_url).rstrip("/")


def _words(state: str) -> str:
    return state if state == "missing" else f"differs at {state}"


def _told(*words: str) -> None:
    screen.print(*words, markup=False, highlight=False, soft_wrap=True)
