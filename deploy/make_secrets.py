"""Make the secrets of a compose deployment: passwords, broker logins, a settings file for each process. Idempotent.

    make_secrets.py FOLDER                 at the first start: everything; what stands there stays as it is
    make_secrets.py FOLDER --demo          also a login for each station of the simulated network, and its registry
    make_secrets.py FOLDER --login NAME    a station's login (or a new password for it), printed once; then tell Mosquitto:
                                           docker compose kill -s HUP mosquitto

Each file is readable by the user of one container alone, so a process knows its own secrets and no others.
"""

import argparse
import os
import secrets
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import tomli_w

from chargewell.services.access import mosquitto_acl, mosquitto_passwords
from chargewell.services.settings import MqttAccess
from connectors.timescale.registry_files import write as write_registry
from connectors.timescale.settings import Names
from schemas.topics import is_station
from simulator.fleet import generate
from simulator.registry import registry
from simulator.settings import SimulatorSettings

OWNERS: Final = {
    "mosquitto": 1883, "database": 70, "grafana": 472,
    "flows": 10001, "bridge": 10002, "control": 10003, "prepare": 10004, "simulator": 10005,
}  # fmt: skip
"""Folder of secrets -> the user of the container that reads them (docker-compose.yml)."""

BROKER_LOGINS: Final = ("bridge", "control")
"""Logins at the broker that are no stations."""

MOSQUITTO_CONF: Final = """\
listener 1883
allow_anonymous false
password_file /run/chargewell/mosquitto/passwords
acl_file /run/chargewell/mosquitto/acl
persistence true
persistence_location /mosquitto/data/
autosave_interval 2
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
set_tcp_nodelay true
log_dest stdout
log_type error
log_type warning
log_type notice
connection_messages false
include_dir /mosquitto/conf.d
"""


def put(path: Path, text: str) -> None:
    """Write `text` for the owner of its folder only, whole or not at all."""
    owner = OWNERS[path.parent.name]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as file:
        file.write(text)
    if os.geteuid() == 0:
        os.chown(path.parent, owner, owner)
        os.chown(fresh, owner, owner)
    fresh.rename(path)


def word() -> str:
    """A new password, safe in an address and in every file here."""
    return secrets.token_urlsafe(24)


def make(folder: Path) -> bool:
    """Make everything under `folder`; False if it was made before. The mark of being made is written last.

    Without the mark all passwords are made anew; the key of hashed ids and the logins of stations stay.
    """
    mark = folder / "prepare" / "chargewell.toml"
    if mark.exists():
        return False
    database = {name: word() for name in ("owner", "flows", "control", "read")}
    broker = {name: word() for name in BROKER_LOGINS}
    put(folder / "mosquitto" / "mosquitto.conf", MOSQUITTO_CONF)
    put(folder / "mosquitto" / "acl", mosquitto_acl(MqttAccess(users=broker)))  # type: ignore[arg-type]
    add_logins(folder, broker)
    put(folder / "database" / "owner_password", database["owner"])
    put(folder / "grafana" / "admin_password", word())
    put(folder / "grafana" / "database_password", database["read"])
    (folder / "simulator" / "chargewell.toml").unlink(missing_ok=True)
    for name, settings in _settings(database, broker, _token_key(folder)).items():
        put(folder / name / "chargewell.toml", tomli_w.dumps(settings))
    owner = {
        "dsn": _dsn("chargewell", database["owner"]),
        "logins": {k: database[k] for k in ("flows", "control", "read")},
    }
    put(mark, tomli_w.dumps({"database": owner}))
    return True


def _token_key(folder: Path) -> str:
    """The key of hashed ids: that of before, since ids stored under it would match no later ones, else a new one."""
    path = folder / "flows" / "chargewell.toml"
    if path.exists():
        return str(tomllib.loads(path.read_text("utf-8"))["flows"]["token_key"])
    return secrets.token_urlsafe(32)


def _settings(database: Mapping[str, str], broker: Mapping[str, str], token_key: str) -> dict[str, dict[str, Any]]:
    """What each process is told, and nothing that it does not need."""
    names = Names()
    bridge, control = ({"user": name, "password": broker[name]} for name in ("bridge", "control"))
    return {
        "bridge": {"mqtt": bridge},
        "flows": {
            "database": {"dsn": _dsn(names.login("flows"), database["flows"])},
            "flows": {"token_key": token_key},
        },
        "control": {
            "database": {"dsn": _dsn(names.login("control"), database["control"])},
            "mqtt": control,
            "control": {"session_secret": secrets.token_urlsafe(32)},
        },
    }


def _dsn(login: str, password: str) -> str:
    return f"postgresql://{login}:{password}@timescaledb/chargewell"


def add_logins(folder: Path, logins: Mapping[str, str]) -> None:
    """Add broker logins, or give them these passwords. SystemExit for a name that no station can have."""
    for name in logins:
        if not is_station(name):
            raise SystemExit(
                f"{name!r} is no station id: 1 to 64 letters, digits and . _ @ -, beginning with a letter or digit"
            )
        if ":" in name:
            raise SystemExit(
                f"{name!r} cannot be a login: a colon ends the name in Mosquitto's password file; use an id without"
            )
    path = folder / "mosquitto" / "passwords"
    kept = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
    kept = [line for line in kept if line.partition(":")[0] not in logins]
    users = {"bridge": ""} | dict(logins)
    made = mosquitto_passwords(MqttAccess(users=users)).splitlines(keepends=True)  # type: ignore[arg-type]
    put(path, "".join(kept + [line for line in made if line.partition(":")[0] in logins]))


def make_demo(folder: Path) -> bool:
    """A login for each station of the simulated network, the simulator's settings, and the registry that `prepare`'s user
    imports; False if all were made before.

    The simulated back office, which answers OCPP calls, speaks under control's login: nobody else may write `ev/+/to/#`.
    """
    plan = SimulatorSettings()
    fleet = generate(plan.stations, plan.seed, plan.heartbeat_s)
    network, path = folder / "prepare" / "network.toml", folder / "simulator" / "chargewell.toml"
    fresh = not network.exists()
    if fresh:
        with TemporaryDirectory() as scratch:
            write_registry(registry(fleet), Path(scratch, "network.toml"))
            put(network, Path(scratch, "network.toml").read_text("utf-8"))
    if path.exists():
        return fresh
    passwords = {station.station: word() for station in fleet.stations}
    add_logins(folder, passwords)
    control = tomllib.loads((folder / "control" / "chargewell.toml").read_text("utf-8"))
    put(path, tomli_w.dumps({"mqtt": control["mqtt"], "simulator": {"passwords": passwords}}))
    return True


def main(arguments: list[str]) -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--demo", action="store_true", help="logins for the simulated network")
    parser.add_argument("--login", metavar="STATION", help="a login for one station, printed once")
    given = parser.parse_args(arguments)
    made = make(given.folder)
    if given.demo:
        made |= make_demo(given.folder)
    if given.login is not None:
        if given.login in BROKER_LOGINS:
            raise SystemExit(f"{given.login!r} is a login of our own at the broker: give the station another id")
        password = word()
        add_logins(given.folder, {given.login: password})
        print(f"{given.login} {password}")  # noqa: T201
    else:
        print(f"secrets {'made' if made else 'were made before'} in {given.folder}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
