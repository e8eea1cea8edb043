"""Start one service so that it cannot outlive its owner; a script of its own: ``python -I -S launch.py ORDER``.

ORDER is JSON: argv, parent (pid), death_signal, and where wanted uid and gid, traverse (let a dropped user pass through
folders closed to it), root and binds (a folder tree to run in, with folders of this machine visible inside).
It asks the kernel for `death_signal` when the parent's starting thread ends, then becomes argv: the pid stays the same.
Linux only. Standard library only, so that it starts in about 15 ms.
"""

import ctypes
import json
import os
import sys
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWNS = 0x00020000
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _mount(source: str, target: str, flags: int, kind: str | None = None) -> None:
    done = libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, ctypes.c_ulong(flags), None)
    _check(done, f"mount {source} on {target}")


def enter_tree(root: str, binds: dict[str, str]) -> None:
    """Change the root to `root`, in a mount namespace of our own, so that nothing stays mounted after the end."""
    _check(libc.unshare(CLONE_NEWNS), "unshare the mounts (needs root)")
    _mount("none", "/", MS_REC | MS_PRIVATE)
    _mount("/dev", f"{root}/dev", MS_BIND | MS_REC)
    _mount("proc", f"{root}/proc", 0, "proc")
    for outside, inside in binds.items():
        _mount(outside, root + inside, MS_BIND | MS_REC)
    os.chroot(root)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def drop_to(uid: int, gid: int, *, traverse: bool) -> None:
    """Become an ordinary user; with `traverse`, one that may still pass through closed parent folders."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    if not traverse:
        os.setresuid(uid, uid, uid)
        return
    _check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities")
    os.setresuid(uid, uid, uid)
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        bits = 1 << capability
        data = (_Data * 2)(_Data(bits, bits, bits), _Data(0, 0, 0))
        header = _Header(CAPABILITY_VERSION_3, 0)
        if libc.capset(ctypes.byref(header), ctypes.byref(data)) == 0:
            _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), "raise a capability")
            return
    raise OSError("the service's folder is closed to its user and root may not open it; use a folder all may enter")


def main(order: dict[str, Any]) -> None:
    """Carry the order out; returns only by an exception."""
    if order.get("root"):
        enter_tree(order["root"], order["binds"])
    os.chdir(order["cwd"])
    if order.get("uid") is not None:
        drop_to(order["uid"], order["gid"], traverse=order["traverse"])
    _check(libc.prctl(PR_SET_PDEATHSIG, order["death_signal"], 0, 0, 0), "tie the service to its owner")
    if os.getppid() != order["parent"]:
        raise SystemExit("the owner ended before the service began")
    os.execv(order["argv"][0], order["argv"])  # noqa: S606


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except OSError as problem:
        raise SystemExit(f"cannot start {json.loads(sys.argv[1])['argv'][0]}: {problem}") from None
