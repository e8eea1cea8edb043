"""The command `chargewell labels import`: labels of people who know, from a file."""

from pathlib import Path

from pydantic import ValidationError

from chargewell.settings import Settings
from connectors.timescale.labels import store
from connectors.timescale.pool import connect
from schemas.labels import Label


class LabelsFileError(ValueError):
    """A file that does not hold labels; the message names file, line, field and reason."""


def read_labels(path: Path) -> list[Label]:
    """The labels of a file of JSON lines (`schemas.labels.Label`). LabelsFileError for the first line that is none."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(Label.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the line"
            raise LabelsFileError(
                f"{path}, line {number}: {place}: {first['msg']}; correct it, nothing was taken"
            ) from error
    return found


def import_labels(settings: Settings, path: Path) -> str:
    """Enter the labels of `path`, all or none; what was done, in words."""
    labels = read_labels(path)
    with connect(settings.database, application="chargewell labels") as conn:
        new = store(conn, labels)
    return f"{len(labels)} labels in {path}: {new} entered, {len(labels) - new} were there; chargewell train learns from them"
