"""What a deployment needs before it runs, and whether it is sound: schema, topics, registry, doctor."""

from pathlib import Path
from secrets import token_hex

from rich.console import Console

from chargewell.prediction.registry import ensure_bundled
from chargewell.services.doctor import survey
from chargewell.settings import Settings
from connectors.kafka import KafkaError, check_topics, ensure_topics
from connectors.mqtt import MqttError, Publisher
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
    """What the demo and the tests would start, and why; whether what `up` is given answers and fits. 0 if that is so, else 1."""
    console.print("[bold]chargewell demo[/bold] and the tests would start:")
    for found in survey(settings.services):
        name = f"{found.provider} ({found.origin}, {found.version})" if found.provider else "[red]nothing[/red]"
        console.print(f"  {found.kind}: {name}: {found.reason}")
        for other, why in found.passed_over:
            console.print(f"    not {other}: {why}", style="dim")
    console.print("[bold]chargewell up[/bold] is given:")
    sound = [sees(settings, console) for sees in (_database_sound, _topics_sound, _broker_sound)]
    return 0 if all(sound) else 1


def _database_sound(settings: Settings, console: Console) -> bool:
    from psycopg import Error

    try:
        with connect(settings.database) as conn:
            conn.execute("SELECT 1 FROM flow_progress LIMIT 1")
            console.print(f"  database: schema {settings.database.namespace}, {edition(conn)}")
    except Error as error:
        first = str(error).strip().splitlines()[0]
        console.print(f"  [red]database[/red]: {first}. Is database.dsn right, and was chargewell migrate run?")
        return False
    return True


def _topics_sound(settings: Settings, console: Console) -> bool:
    try:
        check_topics(settings.kafka)
    except KafkaError as error:
        console.print(f"  [red]topics[/red]: {error}")
        return False
    console.print(f"  topics: at {settings.kafka.bootstrap}, {settings.kafka.partitions} partitions each")
    return True


def _broker_sound(settings: Settings, console: Console) -> bool:
    publisher = Publisher(settings.mqtt, client_id=f"chargewell-doctor-{token_hex(4)}")
    try:
        publisher.wait_connected()
    except MqttError as error:
        console.print(f"  [red]MQTT broker[/red]: {error}")
        return False
    finally:
        publisher.close()
    console.print(f"  MQTT broker: {settings.mqtt.shown} lets us in")
    return True
