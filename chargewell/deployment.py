"""What a deployment needs before it runs, and whether it is sound: schema, topics, registry, doctor."""

from pathlib import Path

from rich.console import Console

from chargewell.prediction.registry import ensure_bundled
from chargewell.services import ServiceError, choose
from chargewell.services.endpoints import KINDS
from chargewell.settings import Settings
from connectors.kafka import KafkaError, check_topics, ensure_topics
from connectors.timescale import registry
from connectors.timescale.editions import edition
from connectors.timescale.migrate import migrate
from connectors.timescale.pool import connect
from connectors.timescale.registry_files import RegistryError
from connectors.timescale.registry_files import read as read_registry
from connectors.timescale.registry_files import write as write_registry
from connectors.timescale.roles import create_login
from connectors.timescale.settings import Names
from schemas.assets_check import check


def prepare(settings: Settings) -> list[str]:
    """Make or update schema and topics; a line for people on each. Idempotent."""
    done = migrate(settings.database.dsn, settings.database.namespace)
    applied = ", ".join(done.applied) or "nothing, it was up to date"
    logins = _make_logins(settings)
    topics = ensure_topics(settings.kafka)
    made = ", ".join(topics) or "none, they were there"
    with connect(settings.database, application="chargewell migrate") as conn:
        model = ensure_bundled(conn)
    lines = [f"database ({done.edition}): applied {applied}", f"topics made: {made}"]
    lines += [f"failure model entered: {model}"] if model else []
    return [*lines, f"logins with the given passwords: {', '.join(logins)}"] if logins else lines


def _make_logins(settings: Settings) -> list[str]:
    """The logins of `database.logins`, made or given their passwords anew."""
    names, made = Names(settings.database.namespace), []
    if settings.database.logins:
        with connect(settings.database) as conn:
            for kind, password in settings.database.logins.items():
                create_login(conn, names.login(kind), password.get_secret_value(), names.group(kind))
                made.append(names.login(kind))
    return made


def import_assets(settings: Settings, path: Path) -> str:
    """Take the registry at `path` in; RegistryError names every row that is wrong, and nothing is changed."""
    wanted = read_registry(path)
    with connect(settings.database) as conn:
        registry.store(conn, wanted)
    return f"imported {len(wanted.site)} sites, {len(wanted.station)} stations, {len(wanted.port)} ports from {path}"


def export_assets(settings: Settings, path: Path) -> str:
    """Write the registry to `path`."""
    with connect(settings.database) as conn:
        found = registry.fetch(conn)
        unknown = registry.discovered(conn)
    write_registry(found, path)
    more = (
        f"; {len(unknown)} stations are discovered and not in it: adopt them by importing rows for them"
        if unknown
        else ""
    )
    return f"wrote {len(found.station)} stations, {len(found.port)} ports to {path}{more}"


def check_assets(path: Path, console: Console) -> int:
    """Check without importing; 0 if all is well, 1 with a line a problem."""
    try:
        wanted = read_registry(path)
        problems = check(wanted)
    except RegistryError as error:
        problems = list(error.problems)
    for problem in problems:
        console.print(str(problem), markup=False, highlight=False)
    if not problems:
        console.print(f"{path}: {len(wanted.station)} stations, {len(wanted.port)} ports, nothing wrong")
    return 1 if problems else 0


def examine(settings: Settings, console: Console) -> int:
    """Which services would be chosen and why; whether schema and topics fit. 0 if sound, else 1."""
    sound = True
    for kind in KINDS:
        try:
            choice = choose(kind, settings.services)
        except ServiceError as error:
            console.print(f"[red]{kind}[/red]: {error}")
            sound = False
            continue
        console.print(f"[bold]{kind}[/bold]: {choice.provider.name} ({choice.provider.origin}): {choice.reason}")
        for name, why in choice.passed_over:
            console.print(f"    not {name}: {why}", style="dim")
    return 0 if _database_sound(settings, console) and _topics_sound(settings, console) and sound else 1


def _database_sound(settings: Settings, console: Console) -> bool:
    from psycopg import Error

    try:
        with connect(settings.database) as conn:
            console.print(f"[bold]database[/bold] {settings.database.namespace}: {edition(conn)}")
            conn.execute("SELECT 1 FROM flow_progress LIMIT 1")
    except Error as error:
        first = str(error).strip().splitlines()[0]
        console.print(f"[red]database[/red]: {first}. Is database.dsn right, and was chargewell migrate run?")
        return False
    return True


def _topics_sound(settings: Settings, console: Console) -> bool:
    try:
        check_topics(settings.kafka)
    except KafkaError as error:
        console.print(f"[red]topics[/red]: {error}")
        return False
    console.print(f"[bold]topics[/bold]: there, {settings.kafka.partitions} partitions each")
    return True
