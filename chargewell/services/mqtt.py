"""The MQTT broker: a given one, Mosquitto found on the machine, or Apache ActiveMQ Artemis on the packaged Java."""

import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import ClassVar
from xml.sax.saxutils import escape

from chargewell.services import access
from chargewell.services.endpoints import Endpoint, Kind, MqttEndpoint
from chargewell.services.identity import give, service_user, write_private
from chargewell.services.java import class_path, java_argv, missing, read_lock
from chargewell.services.owned import GivenRunning, OwnedProvider
from chargewell.services.ports import LOOPBACK
from chargewell.services.probe import mqtt_answers
from chargewell.services.process import Command, Identity
from chargewell.services.provider import Availability, Note, Origin, ServiceError, provider
from chargewell.services.settings import ServiceSettings


@provider
class GivenMqtt:
    """A broker of your own."""

    kind: ClassVar[Kind] = "mqtt"
    name: ClassVar[str] = "given"
    origin: ClassVar[Origin] = "given"

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings.mqtt

    def available(self) -> Availability:
        """With an address."""
        if self._settings.host is None:
            return Availability(False, "services.mqtt.host is not set")
        return Availability(True, f"services.mqtt.host is set to {self._settings.host}")

    def version(self) -> str:
        """MQTT does not tell the broker's version."""
        return "MQTT broker (given)"

    def start(self, folder: Path, *, keep_ports: bool = False, note: Note = print) -> GivenRunning:
        """Ask it once."""
        wanted = self._settings
        if wanted.host is None:
            raise ServiceError(f"no MQTT broker: {self.available().reason}")
        password = wanted.password.get_secret_value() if wanted.password else None
        endpoint = MqttEndpoint(wanted.host, wanted.port, wanted.username, password, wanted.ca_file)
        if not mqtt_answers(endpoint, 10.0):
            raise ServiceError(
                f"no MQTT broker answers at {endpoint.shown}; check services.mqtt.host, port and the network"
            )
        return GivenRunning(endpoint, lambda: mqtt_answers(endpoint, 3.0))


class _OwnedBroker(OwnedProvider):
    """What both brokers that we start share."""

    kind: ClassVar[Kind] = "mqtt"

    def endpoint(self, folder: Path, ports: dict[str, int]) -> MqttEndpoint:
        """On the loopback interface, with the bridge's login where logins are set."""
        wanted = self.settings.mqtt
        ca_file = wanted.tls.authority if wanted.tls else None
        if wanted.access is None:
            return MqttEndpoint(LOOPBACK, ports["main"], ca_file=ca_file)
        login = wanted.access.bridge
        return MqttEndpoint(LOOPBACK, ports["main"], login, wanted.access.users[login].get_secret_value(), ca_file)

    def answers(self, endpoint: Endpoint) -> bool:
        """CONNECT, CONNACK."""
        return isinstance(endpoint, MqttEndpoint) and mqtt_answers(endpoint, 1.0)


_MOSQUITTO = """\
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
class Mosquitto(_OwnedBroker):
    """Mosquitto with unbounded queues and windows. Its persistence is a dump every two seconds and at a clean end:
    a crash loses what it acknowledged since the last dump.
    """

    name = "mosquitto"
    origin: ClassVar[Origin] = "installed"

    def available(self) -> Availability:
        """When the program is on the path or in /usr/sbin."""
        program = _mosquitto()
        if program is None:
            return Availability(False, "no mosquitto on this machine (`make services` installs it)")
        return Availability(True, f"found at {program}")

    def version(self) -> str:
        """As it says itself."""
        program = _mosquitto()
        if program is None:
            return "Mosquitto"
        said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False, timeout=10).stdout  # noqa: S603
        found = re.search(r"version (\S+)", said)
        return f"Mosquitto {found.group(1)}" if found else "Mosquitto"

    def prepare(self, folder: Path, ports: dict[str, int], note: Note) -> Command:
        """Write mosquitto.conf and, with logins, the password and access files."""
        program = _mosquitto()
        if program is None:
            raise ServiceError(self.available().reason)
        data = folder / "data"
        identity = service_user("mosquitto", data)
        give(data, identity)
        lines = _MOSQUITTO.format(port=ports["main"], host=LOOPBACK, data=data) + self._security(data, identity)
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


def _mosquitto() -> str | None:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


_BROKER_XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- written by Chargewell at every start -->
<configuration xmlns="urn:activemq">
  <core xmlns="urn:activemq:core">
    <name>chargewell</name>
    <persistence-enabled>true</persistence-enabled>
    <journal-type>NIO</journal-type>
    <journal-datasync>true</journal-datasync>
    <journal-buffer-timeout>500000</journal-buffer-timeout>
    <max-disk-usage>99</max-disk-usage>
    <security-enabled>{secured}</security-enabled>
    <jmx-management-enabled>false</jmx-management-enabled>
    <acceptors><acceptor name="mqtt">{acceptor}</acceptor></acceptors>
    <security-settings>
{security}
    </security-settings>
    <address-settings>
      <address-setting match="#">
        <max-delivery-attempts>-1</max-delivery-attempts>
        <auto-delete-queues>false</auto-delete-queues>
        <address-full-policy>PAGE</address-full-policy>
      </address-setting>
    </address-settings>
  </core>
</configuration>
"""

_LOGIN_CONFIG = """\
chargewell {{
  org.apache.activemq.artemis.spi.core.security.jaas.PropertiesLoginModule required
    baseDir="{etc}"
    org.apache.activemq.jaas.properties.user="users.properties"
    org.apache.activemq.jaas.properties.role="roles.properties";
}};
"""


@provider
class Artemis(_OwnedBroker):
    """Apache ActiveMQ Artemis: MQTT 3.1.1 and 5, shared subscriptions, and a journal that is on disk before a
    message is acknowledged. About 170 MB of memory, ready in 1 to 2 seconds.
    """

    name = "artemis"
    origin: ClassVar[Origin] = "embedded"
    transient = ("Failed to lock", "OverlappingFileLockException")

    def available(self) -> Availability:
        """Always, given the network once."""
        absent = len(missing(read_lock("artemis"), self.settings.cache))
        how = f"{absent} jars will be fetched" if absent else "all jars are in the cache"
        return Availability(True, f"comes with Chargewell's packages; {how}")

    def version(self) -> str:
        """As locked."""
        lock = read_lock("artemis")
        return f"{lock.product} {lock.version}"

    def prepare(self, folder: Path, ports: dict[str, int], note: Note) -> Command:
        """Write broker.xml and, with logins, Java's login configuration."""
        jars = class_path(read_lock("artemis"), self.settings.cache, note)
        etc = folder / "etc"
        give(etc, None)
        wanted = self.settings.mqtt.access
        options = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
        if wanted is not None:
            write_private(etc / "users.properties", access.artemis_users(wanted), None)
            write_private(etc / "roles.properties", access.artemis_roles(wanted), None)
            write_private(etc / "login.config", _LOGIN_CONFIG.format(etc=etc), None)
            options.append(f"-Djava.security.auth.login.config={etc / 'login.config'}")
        security = access.artemis_security(wanted) if wanted is not None else ""
        secured = str(wanted is not None).lower()
        acceptor = escape(self._acceptor(etc, ports["main"]))
        broker = _BROKER_XML.format(secured=secured, acceptor=acceptor, security=security)
        write_private(etc / "broker.xml", broker, None)
        main = "org.apache.activemq.artemis.core.server.embedded.Main"
        return Command(java_argv(jars, main, str(folder), heap_mb=256, options=options), cwd=str(folder))

    def _acceptor(self, etc: Path, port: int) -> str:
        address = f"tcp://{LOOPBACK}:{port}?protocols=MQTT;useEpoll=false;useKQueue=false"
        if self.settings.mqtt.access is not None:
            address += ";securityDomain=chargewell"
        tls = self.settings.mqtt.tls
        if tls is None:
            return address
        write_private(
            etc / "keys.pemcfg", f"source.key={tls.key.resolve()}\nsource.cert={tls.certificate.resolve()}\n", None
        )
        return f"{address};sslEnabled=true;keyStoreType=PEMCFG;keyStorePath={etc / 'keys.pemcfg'}"
