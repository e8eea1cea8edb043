"""An operator inside the engine: one per shard, restored where it was, and every row counted once however it crashes."""

import pickle
from itertools import pairwise

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, cluster_main, run_main
from hypothesis import given
from hypothesis import strategies as st

from models.columns import Batch, Readings
from models.operator import Outputs, Upsert
from pipelines import SnapshotError, alerts_of, operate
from pipelines import _Logic as Logic
from schemas.telemetry import BridgeBeat


class Summing:
    """Adds up energies; says the sum after each batch."""

    name, version, memory_days = "summing", 1, 0.0

    def __init__(self, shard="00n"):
        self.shard, self.sum, self.times = shard, 0.0, []

    def on_batch(self, batch):
        self.sum += float(batch.readings.channel("energy").sum())
        return Outputs([Upsert("t", (), ["p"], np.zeros(1, np.int32), {"sum": [self.sum]})], [f"alert {batch.last}"])

    def on_time(self, now):
        self.times.append(now)
        return Outputs()

    def snapshot(self):
        return {"v": 1, "sum": self.sum}

    def restore(self, state):
        self.sum = state["sum"]


class Newer(Summing):
    version = 2


def batch(first, energies, partition=0):
    n = len(energies)
    origin = np.arange(first, first + n)
    whole = np.zeros(n, np.int64)
    readings = Readings(
        np.zeros(n, np.int32), whole, whole, origin, whole, np.zeros(n, np.uint8), {"energy": np.array(energies, float)}
    )
    return Batch(partition, first, first + n - 1, first + n, ["p"], readings)


def logic(state=None, make=Summing, seed=None):
    return Logic("step", make, seed, state)


def last_sum(said):
    return [w.columns["sum"][0] for outputs, _ in said for w in outputs.writes][-1]


def cut(energies, at):
    """Batches of `energies` cut at the places `at`."""
    edges = sorted({0, len(energies), *(a % (len(energies) + 1) for a in at)})
    return [batch(a, energies[a:b]) for a, b in pairwise(edges)]


@given(
    st.lists(st.integers(0, 1_000), min_size=1, max_size=60),
    st.lists(st.lists(st.integers(0, 60), max_size=6), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=4),
)
def test_the_sum_is_right_however_batches_are_cut_and_however_often_it_crashes(energies, cuts, crashes):
    """Each life starts from the snapshot of the one before and is given everything again, otherwise cut."""
    state = None
    for life, (snapshot_after, steps) in enumerate([*crashes, (99, 99)]):
        one = logic(state)
        for number, piece in enumerate(cut(energies, cuts[life % len(cuts)])[:steps]):
            one.on_batch([piece])
            if number == snapshot_after:
                state = pickle.loads(pickle.dumps(one.snapshot()))

    assert one._marked.operator.sum == sum(energies)
    assert one._marked.origin == len(energies) - 1


def test_a_heartbeat_in_a_batch_tells_the_operator_the_time():
    one = logic()
    beat = batch(0, [1.0])
    beat.beats = [BridgeBeat(bridge="b", at=77, connected=True, since=1, origin=0)]
    beat.now = 77
    one.on_batch([beat])

    assert one._marked.operator.times == [77]


def test_a_new_logic_takes_its_seed_and_a_restored_one_does_not():
    before = logic()
    before.on_batch([batch(0, [1, 2])])
    seed = before.snapshot()["marked"]
    asked = []

    def seeds(shard):
        asked.append(shard)
        return seed

    seeded = logic(seed=seeds)
    said, _ = seeded.on_batch([batch(0, [1, 2, 4], partition=0)])
    restored = logic(seeded.snapshot(), seed=seeds)

    assert last_sum(said) == 7
    assert asked == ["00n"]
    assert restored._marked.operator.sum == 7


def test_a_state_of_another_version_is_refused_with_the_remedy():
    before = logic()
    before.on_batch([batch(0, [1])])

    with pytest.raises(SnapshotError, match=r"step, shard 00n: the stored state cannot be taken up .*--rebuild"):
        logic(before.snapshot(), make=Newer)


def test_a_state_that_is_no_snapshot_is_refused_with_the_remedy():
    with pytest.raises(SnapshotError, match="--rebuild"):
        logic({"shard": "00n", "marked": {"v": 1, "name": "summing", "version": 1}})


@pytest.mark.parametrize("main", [run_main, lambda flow: cluster_main(flow, [], 0, worker_count_per_proc=2)])
def test_each_shard_has_its_own_operator_and_alerts_leave_on_their_own_stream(main):
    items = [("00n", batch(0, [1, 2])), ("01d", batch(0, [10], 1)), ("00n", batch(2, [4]))]
    said, alerts, made = [], [], []
    flow = Dataflow("two")
    stream = operate(
        "sum", op.input("in", flow, TestingSource(items)), lambda shard: made.append(shard) or Summing(shard)
    )
    op.output("said", stream, TestingSink(said))
    op.output("alerts", alerts_of("alerts_of", stream), TestingSink(alerts))
    main(flow)

    newest = {shard: (last_sum([(outputs, origin)]), origin) for shard, (outputs, origin) in said}
    assert newest == {"00n": (7.0, 2), "01d": (10.0, 0)}
    assert sorted(made) == ["00n", "01d"]
    assert sorted(alerts) == [("00n", "alert 1"), ("00n", "alert 2"), ("01d", "alert 0")]
