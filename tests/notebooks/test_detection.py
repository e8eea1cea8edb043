"""The notebook on detection runs from top to bottom without services, and the port it shows is one that the simulator labelled."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "detection.ipynb"
CLAIMS = """
assert [a.port for a in raised] == [label.port] == [port], (raised, label)
assert alert.family == label.fault == alert.hypotheses[0].family
assert alert.contributions[0].channel == "temp_connector" and alert.contributions[0].observed > alert.contributions[0].expected
assert label.start < alert.raised_at < label.start + (datetime.timedelta(seconds=label.ramp_s)), alert.raised_at
assert worn > 1.3, worn
assert hottest < 90, hottest
rows = {row["watched by"]: row for row in compared.to_dicts()}
assert set(rows) == {"operator", "limits", *LEVELS}
assert rows["operator"]["false"] == 0 and rows["operator"]["cause"] == "contact_wear"
later = [row["found after, days"] for name, row in rows.items() if name != "operator" and row["found after, days"] is not None]
assert all(rows["operator"]["found after, days"] <= days for days in later) or sum(r["false"] for r in rows.values()) > 0
"""


@pytest.mark.slow
def test_the_notebook_follows_a_labelled_port_from_its_readings_to_its_alert(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, 4)
    notebook.cells.append(nbformat.v4.new_code_cell(f"import datetime\n{CLAIMS}"))

    NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
