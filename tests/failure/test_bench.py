import sys

import numpy as np
import pytest

from chargewell.bench.failure import FailureSoon, remaining_life, run


def test_a_folder_without_the_scorers_is_named_with_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no heldout_io\.py.*--data"):
        run(tmp_path / "nowhere")


def test_remaining_life_takes_arrays_of_settings_and_channels(make):
    history, _ = make.wearing(units=40)
    blocks = [
        np.column_stack([np.zeros((n, 3)), history.channels[history.unit == u]])
        for u, n in enumerate(np.bincount(history.unit))
    ]
    told = remaining_life(blocks, [blocks[0][:20], blocks[1], blocks[2][:-20]])

    assert told[0] > told[2] > told[1]


def machine_streams(known):
    """The streams of the year of machines, of the made-up fleet: only component 1 fails."""
    fans = np.column_stack([known.failures.unit + 1, known.failures.at, known.failures.kind + 1])
    units = known.history.units
    others = [(u + 1, 24, c) for u in range(units) for c in (2, 3, 4)]
    return {
        "tel": np.column_stack([known.unit + 1, known.at, known.history.channels, known.history.channels[:, 0]]),
        "err": np.array([(1, 24, code) for code in range(1, 6)]),
        "maint": np.array([*fans.tolist(), *others]),
        "fail": fans,
        "meta": np.column_stack([np.arange(units) + 1, np.ones(units, int), np.ones(units, int)]),
        "decisions": np.column_stack([known.unit + 1, known.at]),
    }


def test_failures_soon_are_told_for_the_component_that_fails(make):
    known = make.worn(units=30, days=80)
    other = make.worn(units=20, seed=3)
    model = FailureSoon(lead_h=0)
    told = model(machine_streams(known), machine_streams(other))

    assert told.shape == (len(other.at), 4)
    assert np.corrcoef(told[:, 0], other.chance)[0, 1] > 0.7
    assert told[:, 1:].max() < 0.01


FAKES = {
    "heldout_io": "def splits(): return ('practice',)",
    "score_cmapss": """
import numpy as np
def score_cmapss(method, subsets, cap):
    units = [np.column_stack([np.zeros((90, 3)), np.outer(np.arange(90.0), (1, -1)) + k]) for k in range(4)]
    told = method(units, [u[:60] for u in units])
    rmse = float(np.sqrt(np.mean((told - 30) ** 2)))
    return {s: dict(rmse=rmse, phm08=0.0, mae=rmse, seconds=0.0) for s in subsets}
""",
    "score_pdm": """
import numpy as np
from models.failure.scores import average_precision
def build(protocol, lead_h=0):
    grid = np.array([(m, d * 24) for m in range(1, 4) for d in range(1, 60)])
    worn = (grid[:, 1] // 24 % 10 >= 8).astype(float)
    comp = lambda c: np.array([(m, d * 24, c) for m in range(1, 4) for d in range(10, 60, 10)])
    streams = dict(tel=np.column_stack([grid, worn, worn, worn, worn]), err=comp(1), decisions=grid, fail=comp(1),
                   maint=np.concatenate([comp(c) for c in range(1, 5)]), meta=np.array([(m, 1, 3) for m in range(1, 4)]))
    y = np.repeat(((grid[:, 1] + 24 + lead_h) // 24 % 10 == 0).astype(int)[:, None], 4, 1)
    return {**streams, "y": y}, dict(streams), y
def score_pdm(method, protocol, lead_h=0):
    train, test, y = build(protocol, lead_h)
    p = method(train, test)
    return {"all": {"pr_auc": np.mean([average_precision(y[:, c], p[:, c]) for c in range(4)])}}
""",
}


def test_the_table_stands_beside_its_baselines(tmp_path, capsys):
    for name, text in FAKES.items():
        (tmp_path / f"{name}.py").write_text(text)
    run(tmp_path)
    printed = capsys.readouterr().out

    for word in ("FD001", "base rate", "age of component", "errors, 5 days", "24 to 48 h ahead"):
        assert word in printed
    assert str(tmp_path) not in sys.path
