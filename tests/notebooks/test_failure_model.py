"""The notebook on failure models: trains in one world, judges in another, and takes the model through the registry."""

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_a_failure_model_is_trained_judged_promoted_and_taken_back(run):
    run(
        "failure_model",
        """
assert fleets["contact failures"].min() >= 3, fleets
rows = {row["ranking"]: row for row in table.to_dicts()}
assert set(rows) == {"model", "base rate", "port age", "errors, 7 days"}
assert why_not == [], why_not
assert rows["model"]["PR-AUC 7 d"] > 2 * max(row["PR-AUC 7 d"] for name, row in rows.items() if name != "model"), rows
assert same.hazards[0].names == hazards[0].names and same.scores == bundle.scores
assert refused

state = lambda rows: dict(rows.select("version", "state").iter_rows())
(bundled,) = set(state(shadowed)) - {"notebook-1"}
assert state(shadowed) == {bundled: "live", "notebook-1": "shadow"}, shadowed
assert state(promoted) == {bundled: "retired", "notebook-1": "live"}, promoted
assert state(back) == {bundled: "live", "notebook-1": "retired"}, back
""",
        timeout=420,
    )
