"""Each notebook runs from top to bottom as a reader would run it, and what it claims holds in its own variables."""

import json

import pytest

pytestmark = pytest.mark.integration


def test_the_tour_goes_from_a_site_to_a_reading(run):
    run(
        "tour",
        """
assert sites["ports"].sum() == len(port) == 16, sites
assert set(sites["site"]) == {"DE-B", "DE-M"}
assert by_site["up_percent"].min() > 99
assert set(energy["port"]) <= set(port["port"]) and energy["kwh"].min() > 0
assert one["energy_wh"] == session.filter(pl.col("outcome") == "success")["energy_wh"].max()
assert len(reading) > 60 and set(reading["port"]) == {one["port"]}
assert abs(integrated_wh / one["energy_register_wh"] - 1) < 0.02, integrated_wh
assert abs(integrated_wh / one["energy_integrated_wh"] - 1) < 0.005, integrated_wh
assert {"session_start", "session_end", "status"} <= set(event["kind"]), set(event["kind"])
assert len(compared) > 10 and (compared["mine"] - compared["power_mean"]).abs().max() < 1
assert (compared["mine_n"] == compared["n"]).all()
assert audit["received"].sum() > 400_000 and audit["unaccounted"].sum() == 0
""",
    )


def test_the_failing_port_is_followed_from_readings_to_the_label(run, network):
    said = run(
        "failing_port",
        f"""
from datetime import datetime, timedelta
assert port == {network.port!r} and abs(onset - datetime.fromisoformat({network.onset.isoformat()!r})) < timedelta(hours=24), (port, onset)
assert 2 < worn < 8 and 0.8 < again < 1.2, (worn, again)
first = mine.filter(pl.col("at") < onset)["p_7d"].max() or risk.filter(pl.col("at") < onset)["p_7d"].max()
assert last["family"] == "contact_wear" and last["p_7d"] > 0.2 and last["p_7d"] > 3 * first, (risk, first)
assert reasons and last["p_24h"] <= last["p_7d"] <= last["p_30d"], last
assert onset < raised < first_hotter, (onset, raised, first_hotter)
assert "temp_connector" in json.dumps(contributions), contributions
assert order["state"] == "resolved" and order["bring"] and "warmer" in order["why"]
assert finding["part"].to_list() == ["CCS2 inlet contacts"] and label["fault"].to_list() == ["contact_wear"]
assert label["present"].all() and label["start_at"][0] == onset
assert lead > timedelta(hours=12) and len(held) > 0
""",
    )

    assert f"{network.port} since" in said


def test_a_detector_of_ones_own_is_in_the_table_beside_the_others_and_is_no_worse_than_some(run):
    run(
        "own_detector",
        """
rows = {row["detector"]: row for row in table.to_dicts()}
assert {"quick_and_slow", "records", "ewma", "cusum"} <= set(rows), rows
mine = rows["quick_and_slow"]
assert mine["found"] >= 5 and mine["false"] <= 1, rows
assert mine["found"] > rows["ewma"]["found"] and rows["records"]["found"] > mine["found"]
assert newest.score[0] > 1 and shares[0].share > 0.5
assert sum(share.share for share in shares) <= 1 + 1e-6
""",
    )


def test_notebooks_are_stored_without_output(notebooks):
    for path in notebooks:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        dirty = [i for i, cell in enumerate(cells) if cell.get("outputs") or cell.get("execution_count")]
        assert dirty == [], (
            f"{path.name}: clear the outputs of cells {dirty} (jupyter nbconvert --clear-output --inplace)"
        )


def test_every_notebook_has_its_line_in_the_folders_page(notebooks):
    page = (notebooks[0].parent / "README.md").read_text("utf-8")

    assert [path.name for path in notebooks if path.name not in page] == []


def test_every_notebook_begins_with_its_one_title(notebooks):
    for path in notebooks:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        firsts = ["".join(cell["source"]).splitlines()[0] for cell in cells if cell["cell_type"] == "markdown"]
        assert firsts[0].startswith("# "), f"{path.name}: {firsts[0]!r}"
        assert [line for line in firsts[1:] if line.startswith("# ")] == [], path.name
