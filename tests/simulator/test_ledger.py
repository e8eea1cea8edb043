import os
import signal
import subprocess
import sys
import time

import pytest

from simulator.faults import Fault
from simulator.ledger import Ledger, LedgerError, payload_hash, read, read_labels
from simulator.outbox import Said

T = 1_760_000_400_000_000


def said(i: int, station: str = "S1", at: int = T) -> Said:
    return Said(at, station, f"ev/{station}/from/reading", b"payload %d" % i, ((f"{station}/1", at),), 1)


def test_what_was_said_and_acknowledged_is_read_again(tmp_path):
    with Ledger(tmp_path / "a" / "ledger.jsonl") as ledger:
        numbers = ledger.said([said(1), said(2), said(3)])
        ledger.acknowledged(numbers[0])
        ledger.acknowledged(numbers[2])

    entries = list(read(tmp_path / "a" / "ledger.jsonl"))

    assert [e.acknowledged for e in entries] == [True, False, True]
    assert entries[0].digest == ("ev/S1/from/reading", payload_hash(b"payload 1"))
    assert entries[1].readings == (("S1/1", T),)


def test_a_second_run_in_the_same_file_numbers_anew(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for i in range(2):
        with Ledger(path) as ledger:
            (number,) = ledger.said([said(i)])
            if i == 0:
                ledger.acknowledged(number)

    assert [e.acknowledged for e in read(path)] == [True, False]


def test_the_labels_that_were_written_last_stand(tmp_path):
    label = Fault("S1/1", "contact_wear", T).label()
    ended = Fault("S1/1", "contact_wear", T, T + 60_000_000).label()
    with Ledger(tmp_path / "l") as ledger:
        ledger.labels([label])
        ledger.labels([ended])

    assert read_labels(tmp_path / "l") == [ended]


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_torn_last_line_is_passed_over_and_a_new_run_goes_on_behind_it(tmp_path, cut):
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.acknowledged(ledger.said([said(1)])[0])
        ledger.flush()
        ledger.said([said(2)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])

    assert [e.acknowledged for e in read(path)] == ([True, False] if cut == 1 else [True])
    with Ledger(path) as ledger:
        ledger.acknowledged(ledger.said([said(3)])[0])

    assert [e.payload_hash for e in read(path)][-1] == payload_hash(b"payload 3")
    assert [e.acknowledged for e in read(path)] == ([True, False, True] if cut == 1 else [True, True])


def test_damage_within_a_run_is_named(tmp_path):
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        for i in range(3):
            ledger.said([said(i)])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:20] + b"\n" + lines[2] + lines[3])

    with pytest.raises(LedgerError, match=r"line 2: damaged"):
        list(read(path))


def test_another_file_is_refused(tmp_path):
    (tmp_path / "x").write_text("[1, 2]\n")

    with pytest.raises(LedgerError, match="not a ledger"):
        list(read(tmp_path / "x"))


WRITER = """
import sys
from pathlib import Path
from simulator.ledger import Ledger
from simulator.outbox import Said
ledger = Ledger(Path(sys.argv[1]))
i = 0
while True:
    numbers = ledger.said([Said(i, "S1", "t", b"%d" % n) for n in range(i, i + 50)])
    for n in numbers:
        ledger.acknowledged(n)
    ledger.flush()
    i += 50
    print(i, flush=True)
"""


def test_a_ledger_survives_kill_9(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        told = [int(child.stdout.readline()) for _ in range(40)]
        time.sleep(0.02)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()

        mine = list(read(path))[-(told[-1]) :]
        assert len(mine) >= told[-1]
    entries = list(read(path))
    assert sum(e.acknowledged for e in entries) >= 3 * 2000
    assert all(e.station == "S1" for e in entries)
