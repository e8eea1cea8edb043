"""Mosquitto, found on the machine and started with settings of our own."""

import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import ClassVar

from chargewell.services import access
from chargewell.services.identity import give, service_user, write_private
from chargewell.services.mqtt import OwnedBroker
from chargewell.services.ports import LOOPBACK
from chargewell.services.process import Command, Identity
from chargewell.services.provider import Availability, Note, Origin, ServiceError, provider

_CONFIGURATION = """\
# written by Chargewell at every start
listener {port} {host}
persistence true
persistence_location {data}/
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
"""


@provider
class Mosquitto(OwnedBroker):
    """Mosquitto with unbounded queues and windows. Its persistence is a dump every two seconds and at a clean end:
    a crash loses what it acknowledged since the last dump.
    """

    name = "mosquitto"
    origin: ClassVar[Origin] = "installed"

    def available(self) -> Availability:
        """When the program is on the path or in /usr/sbin."""
        program = _program()
        if program is None:
            return Availability(False, "no mosquitto on this machine (`make services` installs it)")
        return Availability(True, f"found at {program}")

    def version(self) -> str:
        """As it says itself."""
        program = _program()
        if program is None:
            return "Mosquitto"
        said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False, timeout=10).stdout  # noqa: S603
        found = re.search(r"version (\S+)", said)
        return f"Mosquitto {found.group(1)}" if found else "Mosquitto"

    def prepare(self, folder: Path, ports: dict[str, int], note: Note) -> Command:
        """Write mosquitto.conf and, with logins, the password and access files."""
        program = _program()
        if program is None:
            raise ServiceError(self.available().reason)
        data = folder / "data"
        identity = service_user("mosquitto", data)
        give(data, identity)
        lines = _CONFIGURATION.format(port=ports["main"], host=LOOPBACK, data=data) + self._security(data, identity)
        write_private(data / "mosquitto.conf", lines, identity)
        argv = [program, "-c", str(data / "mosquitto.conf")]
        # SIGTERM also on the owner's death: it makes Mosquitto write its last dump.
        return Command(argv, cwd=str(data), identity=identity, death_signal=signal.SIGTERM)

    def _security(self, data: Path, identity: Identity | None) -> str:
        wanted = self.settings.mqtt
        lines = "allow_anonymous true\n"
        if wanted.access is not None:
            write_private(data / "passwords", access.mosquitto_passwords(wanted.access), identity)
            write_private(data / "acl", access.mosquitto_acl(wanted.access), identity)
            lines = f"allow_anonymous false\npassword_file {data}/passwords\nacl_file {data}/acl\n"
        if wanted.tls is not None:
            write_private(data / "key.pem", wanted.tls.key.read_text("ascii"), identity)
            write_private(data / "certificate.pem", wanted.tls.certificate.read_text("ascii"), identity)
            lines += f"certfile {data}/certificate.pem\nkeyfile {data}/key.pem\n"
        return lines


def _program() -> str | None:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
