"""Apache ActiveMQ Artemis on the packaged Java runtime, as an MQTT broker."""

from pathlib import Path
from typing import ClassVar
from xml.sax.saxutils import escape

from chargewell.services import access
from chargewell.services.identity import give, write_private
from chargewell.services.java import availability, class_path, java_argv, read_lock
from chargewell.services.mqtt import OwnedBroker
from chargewell.services.ports import LOOPBACK
from chargewell.services.process import Command
from chargewell.services.provider import Availability, Note, Origin, provider

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
class Artemis(OwnedBroker):
    """Apache ActiveMQ Artemis: MQTT 3.1.1 and 5, shared subscriptions, and a journal that is on disk before a
    message is acknowledged. About 170 MB of memory, ready in 1 to 2 seconds.
    """

    name = "artemis"
    origin: ClassVar[Origin] = "embedded"
    transient = ("Failed to lock", "OverlappingFileLockException")

    def available(self) -> Availability:
        """Always, given the network once."""
        return availability(read_lock("artemis"), self.settings.cache)

    def version(self) -> str:
        """As locked."""
        return str(read_lock("artemis"))

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
        return Command(java_argv(jars, main, str(folder), folder=folder, heap_mb=256, options=options), cwd=str(folder))

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
