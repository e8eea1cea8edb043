"""The recovery store on disk."""

import sqlite3
from contextlib import closing

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource

from connectors.bytewax_io import run_flow


def summing(numbers, out):
    flow = Dataflow("summing")
    keyed = op.key_on("key", op.input("in", flow, TestingSource(numbers)), lambda _: "one")
    op.output("out", op.stateful_map("sum", keyed, lambda total, n: ((total or 0) + n,) * 2), TestingSink(out))
    return flow


def test_the_store_has_large_pages_and_holds_the_state_of_the_next_run(tmp_path):
    first, again = [], []
    run_flow(summing([1, 2, TestingSource.EOF(), 3], first), tmp_path)
    run_flow(summing([1, 2, TestingSource.EOF(), 3], again), tmp_path)

    assert (first, again) == ([("one", 1), ("one", 3)], [("one", 6)])
    (file,) = (tmp_path / "store").glob("*.sqlite3")
    with closing(sqlite3.connect(file)) as store:
        assert store.execute("PRAGMA page_size").fetchone() == (32_768,)
        assert store.execute("PRAGMA journal_mode").fetchone() == ("wal",)
