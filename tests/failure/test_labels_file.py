"""Labels from a file: all or none, once, with the line that is wrong by its number."""

import json

import pytest
from typer.testing import CliRunner

from chargewell.cli import app
from chargewell.labels import LabelsFileError, read_labels
from connectors.timescale.hours import labels as stored
from connectors.timescale.pool import connect

LABEL = {
    "port": "DE-B-014/2", "start": "2026-03-02T08:00:00Z", "end": "2026-03-05T08:00:00Z", "fault": "contact_wear",
    "severity": 0.5, "ramp_s": 3600, "signs": ["temperature"], "source": "operator", "who": "desk", "note": "seen",
}  # fmt: skip


def file(folder, *labels):
    path = folder / "labels.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in labels) + "\n\n")
    return path


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"fault": "rust"}, r"line 2: fault: .*no family of the catalogue"),
        ({"end": "2026-03-01T00:00:00Z"}, r"line 2: the line: .*before it starts"),
        ({"colour": "red"}, r"line 2: colour: Extra inputs"),
    ],
)
def test_a_wrong_line_is_named_with_its_reason(tmp_path, wrong, said):
    with pytest.raises(LabelsFileError, match=said):
        read_labels(file(tmp_path, LABEL, LABEL | wrong))


@pytest.mark.integration
def test_labels_are_taken_once_as_they_were_said(database_alone, tmp_path):
    path = file(tmp_path, LABEL, LABEL | {"port": "DE-B-014/1", "end": None, "severity": None})

    first = CliRunner().invoke(app, ["labels", "import", str(path)], catch_exceptions=False)
    again = CliRunner().invoke(app, ["labels", "import", str(path)], catch_exceptions=False)

    assert ("2 entered, 0 were there" in first.output, "0 entered, 2 were there" in again.output) == (True, True)
    with connect(database_alone.database) as conn:
        found = stored(conn)
    assert [label for label, _ in found] == read_labels(path)
    assert all(present for _, present in found)
