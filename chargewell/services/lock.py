"""Make the jar locks anew: ``python -m chargewell.services.lock``. Needs Maven (`mvn`) on the path; running does not.

Maven resolves the wanted artifacts with what they depend on; the lock keeps coordinates and hashes, and no addresses.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

import tomli_w

WANTED = {
    "kafka": (
        "Apache Kafka",
        "4.1.0",
        ["org.apache.kafka:kafka_2.13:4.1.0", "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"],
    ),
    "artemis": (
        "Apache ActiveMQ Artemis",
        "2.55.0",
        [
            "org.apache.artemis:artemis-server:2.55.0",
            "org.apache.artemis:artemis-mqtt-protocol:2.55.0",
            "org.slf4j:slf4j-simple:2.0.17",
        ],
    ),
}
"""Product, version and the artifacts asked for, by lock."""


def _pom(artifacts: list[str]) -> str:
    wanted = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *map(escape, artifact.split(":"))
        )
        for artifact in artifacts
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion>"
        "<groupId>chargewell</groupId><artifactId>lock</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{wanted}</dependencies></project>"
    )


def resolve(artifacts: list[str]) -> list[dict[str, str]]:
    """Group, artifact, version and sha256 of the artifacts and of all they need at run time, sorted.

    Jars for one platform (with a classifier) are left out: the services run without them on every platform.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pom.xml").write_text(_pom(artifacts), "utf-8")
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
        layout = ["-DincludeScope=runtime", f"-DoutputDirectory={folder / 'jars'}", "-Dmdep.useRepositoryLayout=true"]
        subprocess.run(["mvn", "-q", "-B", "-f", str(folder / "pom.xml"), goal, *layout], check=True)  # noqa: S603, S607
        return sorted(
            (row for path in (folder / "jars").rglob("*.jar") if (row := _row(path, folder / "jars"))),
            key=lambda row: (row["group"], row["artifact"]),
        )


def _row(path: Path, layout: Path) -> dict[str, str] | None:
    *group, artifact, version, file_name = path.relative_to(layout).parts
    if file_name != f"{artifact}-{version}.jar":
        return None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"group": ".".join(group), "artifact": artifact, "version": version, "sha256": digest}


def main() -> None:
    """Write every lock beside this file."""
    for name, (product, version, artifacts) in WANTED.items():
        path = Path(__file__).with_name(f"{name}.lock.toml")
        jars = resolve(artifacts)
        path.write_text(tomli_w.dumps({"product": product, "version": version, "jar": jars}), "utf-8")
        sys.stdout.write(f"{path.name}: {len(jars)} jars\n")


if __name__ == "__main__":
    main()
