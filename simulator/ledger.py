"""What stations said and what the broker acknowledged: the truth that an audit is held against.

JSON lines, appended: a message is written before it is published, its acknowledgement after it came, so what stands here
as acknowledged was acknowledged, and whatever is in the log stands here. Each write is one system call to a file opened
for appending: a killed process loses nothing that was written (a machine that loses power may), and leaves at most one torn
line, which readers pass over. A new process goes on in the same file under a new run.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import orjson

from schemas.labels import Label
from simulator.outbox import Said

DIGEST_SIZE: Final = 16


class LedgerError(ValueError):
    """A file that is no ledger, or a damaged one; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message: what it was, when it was said (us, the simulation's time), which readings it held, whether it was acknowledged."""

    station: str
    topic: str
    payload_hash: bytes
    at: int
    readings: tuple[tuple[str, int], ...]
    lines: int
    acknowledged: bool

    @property
    def digest(self) -> tuple[str, bytes]:
        """Topic and blake2b hash of the payload: what names the message on both sides of the broker."""
        return self.topic, self.payload_hash


def payload_hash(payload: bytes) -> bytes:
    """The hash that names a payload."""
    return hashlib.blake2b(payload, digest_size=DIGEST_SIZE).digest()


class Ledger:
    """The writing side. Not for two processes at once; about 5 us a message."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._next = 0
        self._waiting: list[int] = []
        os.write(self._file, b'\n{"run":1}\n' if os.fstat(self._file).st_size else b'{"run":1}\n')

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def said(self, messages: Sequence[Said]) -> range:
        """Write `messages` down before they are published; their numbers, for `acknowledged`."""
        first, out = self._next, []
        for n, m in enumerate(messages, first):
            line: dict[str, Any] = {"n": n, "at": m.at_us, "station": m.station, "topic": m.topic}
            line |= {"hash": payload_hash(m.payload).hex(), "lines": m.lines}
            if m.describes:
                line["readings"] = m.describes
            out.append(orjson.dumps(line))
        self._next += len(messages)
        if out:
            self._write(b"\n".join(out) + b"\n")
        return range(first, self._next)

    def acknowledged(self, number: int) -> None:
        """The broker took responsibility for a message; written with the next `flush`."""
        self._waiting.append(number)

    def flush(self) -> None:
        """Write the acknowledgements that came since."""
        if self._waiting:
            numbers, self._waiting = self._waiting, []
            self._write(orjson.dumps({"acknowledged": numbers}) + b"\n")

    def labels(self, labels: Sequence[Label]) -> None:
        """Write what was wrong in truth; a later writing stands for all earlier ones."""
        self._write(orjson.dumps({"labels": [label.model_dump(mode="json") for label in labels]}) + b"\n")

    def close(self) -> None:
        """Write what waits and close the file."""
        self.flush()
        os.close(self._file)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The whole lines of `path` with the number of their run; a torn last line of a run is passed over."""
    run, torn = 0, 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if raw == b"\n":
                continue
            try:
                line = orjson.loads(raw)
                if not isinstance(line, dict):
                    raise LedgerError(f"{path}, line {number}: not a ledger")
            except orjson.JSONDecodeError:
                if torn:
                    raise LedgerError(
                        f"{path}, line {torn}: damaged; a ledger has torn lines only at the end of a run"
                    ) from None
                torn = number
                continue
            if "run" in line:
                run, torn = run + 1, 0
            elif torn:
                raise LedgerError(f"{path}, line {torn}: damaged; a ledger has torn lines only at the end of a run")
            yield run, line


def read(path: Path) -> Iterator[Entry]:
    """The messages in the order in which they were said. Two passes; memory holds a number for each acknowledgement."""
    taken = {(run, n) for run, line in _lines(path) for n in line.get("acknowledged", ())}
    for run, line in _lines(path):
        if "n" in line:
            readings = tuple((port, at) for port, at in line.get("readings", ()))
            yield Entry(
                line["station"], line["topic"], bytes.fromhex(line["hash"]), line["at"], readings, line["lines"],
                (run, line["n"]) in taken,
            )  # fmt: skip


def read_labels(path: Path) -> list[Label]:
    """The labels as they were written last; none if none were."""
    found: list[Label] = []
    for _, line in _lines(path):
        if "labels" in line:
            found = [Label.model_validate(entry, strict=False) for entry in line["labels"]]
    return found
