"""Which user a service runs as. Started by root, PostgreSQL and Mosquitto must not stay root."""

import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

from chargewell.services.process import Identity


def service_user(preferred: str, folder: Path, needed: Iterable[Path] = ()) -> Identity | None:
    """The user for a service whose data is in `folder`: None (ourselves) unless we are root.

    The owner of a folder that a service user already has; else the `preferred` user of this machine; else nobody.
    Where that user could not reach `folder` or a `needed` file because a parent folder is closed (as /root is), it
    may pass through closed folders; the folders themselves are left as they are.
    """
    if os.geteuid() != 0:
        return None
    owner = folder.stat().st_uid if folder.exists() else 0
    entry = pwd.getpwuid(owner) if owner != 0 and _known(owner) else _by_name(preferred) or pwd.getpwnam("nobody")
    reached = all(_reaches(entry.pw_uid, entry.pw_gid, path) for path in (folder, *needed))
    return Identity(entry.pw_uid, entry.pw_gid, traverse=not reached)


def give(folder: Path, identity: Identity | None) -> None:
    """Make the folder the identity's own, closed to others."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if identity is not None:
        os.chown(folder, identity.uid, identity.gid)


def write_private(path: Path, text: str, identity: Identity | None) -> None:
    """Write a file that only its reader (and root) can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    if identity is not None:
        os.chown(path, identity.uid, identity.gid)


def _known(uid: int) -> bool:
    return any(entry.pw_uid == uid for entry in pwd.getpwall())


def _by_name(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _reaches(uid: int, gid: int, path: Path) -> bool:
    """Whether the user may pass through every parent folder of the path."""
    for parent in path.resolve().parents:
        status = parent.stat()
        if status.st_uid == uid:
            bit = stat.S_IXUSR
        elif status.st_gid == gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not status.st_mode & bit:
            return False
    return True
