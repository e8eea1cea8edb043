"""A PostgreSQL server of ours: its cluster, its configuration, its one login."""

import os
import secrets
import signal
import subprocess
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from chargewell.services.endpoints import Endpoint, Kind, PostgresEndpoint
from chargewell.services.identity import give, service_user, write_private
from chargewell.services.owned import OwnedProvider
from chargewell.services.ports import LOOPBACK
from chargewell.services.probe import postgres_answers
from chargewell.services.process import Command, Identity, Tree
from chargewell.services.provider import Note, ServiceError

OWNER = "chargewell"
"""Name of the superuser and of the database in a server that we start."""

_INSIDE = "/srv/chargewell"
"""Where a server in a tree sees its folder."""

_SOCKET_PATH_BYTES = 107 - len("/.s.PGSQL.65535.lock")


@dataclass(frozen=True, slots=True)
class Programs:
    """A PostgreSQL's programs: `bin` as seen inside `root` (None: this machine's own root)."""

    bin: Path
    root: Path | None = None
    preload: tuple[str, ...] = ()


class OwnedPostgres(OwnedProvider):
    """A server of ours: one superuser with a random password, kept in the folder; TCP on loopback and a unix socket."""

    kind: ClassVar[Kind] = "postgres"
    transient = ("pre-existing shared memory block", "is another postmaster", "lock file")

    @abstractmethod
    def programs(self) -> Programs:
        """What to run, or `ServiceError`."""

    def prepare(self, folder: Path, ports: dict[str, int], note: Note) -> Command:
        """Make the cluster when it is new, write its configuration."""
        programs = self.programs()
        place = folder / "server"
        identity = _identity(programs, place)
        give(place, identity)
        if not (folder / "password").exists():
            write_private(folder / "password", secrets.token_urlsafe(24), None)
        inside = Path(_INSIDE) if programs.root else place
        tree = Tree(programs.root, {place: _INSIDE}) if programs.root else None
        if not (place / "data" / "PG_VERSION").exists():
            _initialise(folder, place, inside, programs, identity, tree)
        write_private(place / "chargewell.conf", self._configuration(ports["main"], inside, programs), identity)
        argv = [str(programs.bin / "postgres"), "-D", str(inside / "data")]
        return Command(
            argv,
            cwd=str(inside),
            env={"TZ": "UTC", "LC_ALL": "C.UTF-8"},
            stop_signal=signal.SIGINT,  # fast: ends sessions, writes a checkpoint
            death_signal=signal.SIGQUIT,  # immediate: ends every process of the server, recovers at the next start
            stop_seconds=60,
            identity=identity,
            tree=tree,
        )

    def _configuration(self, port: int, inside: Path, programs: Programs) -> str:
        memory = self.settings.postgres.shared_buffers_mb
        settings = {
            "listen_addresses": LOOPBACK,
            "port": port,
            "unix_socket_directories": inside if _fits_a_socket(inside) else "",
            "max_connections": 100,
            "shared_buffers": f"{memory}MB",
            "maintenance_work_mem": "128MB",
            "wal_compression": "on",
            "max_wal_size": "2GB",
            "min_wal_size": "256MB",
            "checkpoint_timeout": "15min",
            "max_worker_processes": 24,
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "shared_preload_libraries": ",".join(programs.preload),
        }
        if "timescaledb" in programs.preload:
            settings["timescaledb.telemetry_level"] = "off"
        return "".join(f"{name} = '{value}'\n" for name, value in settings.items())

    def endpoint(self, folder: Path, ports: dict[str, int]) -> PostgresEndpoint:
        """On the loopback interface, database and user `chargewell`."""
        password = (folder / "password").read_text("utf-8")
        dsn = f"postgresql://{OWNER}:{password}@{LOOPBACK}:{ports['main']}/{OWNER}"
        return PostgresEndpoint(dsn, folder / "server" if _fits_a_socket(folder / "server") else None)

    def answers(self, endpoint: Endpoint) -> bool:
        """SELECT 1, in the database every server has."""
        return isinstance(endpoint, PostgresEndpoint) and postgres_answers(_maintenance(endpoint))

    def started(self, folder: Path, endpoint: Endpoint) -> None:
        """Make the database on the first start."""
        if not isinstance(endpoint, PostgresEndpoint):
            raise TypeError(endpoint)
        with psycopg.connect(_maintenance(endpoint).dsn, autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (OWNER,)).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(OWNER)))


def _fits_a_socket(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= _SOCKET_PATH_BYTES


def _maintenance(endpoint: PostgresEndpoint) -> PostgresEndpoint:
    return PostgresEndpoint(make_conninfo(endpoint.dsn, dbname="postgres"))


def _identity(programs: Programs, place: Path) -> Identity | None:
    if programs.root is None:
        return service_user("postgres", place, [programs.bin])
    for line in (programs.root / "etc" / "passwd").read_text("utf-8").splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == "postgres":
            return Identity(int(uid), int(gid))
    raise ServiceError(f"the tree {programs.root} has no user postgres; remove the tree and run `make services` again")


def _initialise(
    folder: Path, place: Path, inside: Path, programs: Programs, identity: Identity | None, tree: Tree | None
) -> None:
    write_private(place / "initial-password", (folder / "password").read_text("utf-8"), identity)
    argv = [
        *(str(programs.bin / "initdb"), "-D", str(inside / "data"), "--username", OWNER),
        *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
        *("--auth", "scram-sha-256", "--pwfile", str(inside / "initial-password"), "--no-instructions", "--no-sync"),
    ]
    command = Command(argv, cwd=str(inside), env={"TZ": "UTC", "LC_ALL": "C"}, identity=identity, tree=tree)
    done = subprocess.run(command.launch_argv(), capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
    (place / "initial-password").unlink()
    if done.returncode != 0:
        raise ServiceError(f"PostgreSQL's data folder cannot be made: {(done.stdout + done.stderr).strip()[-2000:]}")
    with (place / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\ninclude = '../chargewell.conf'\n")
