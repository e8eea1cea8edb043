"""The registry as files: one TOML file with tables [[site]], [[station]], ..., or a folder with site.csv, station.csv, ..."""

import csv
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import tomli_w
from pydantic import ValidationError

from schemas.assets import KINDS, SINCE_EVER, Registry, Row
from schemas.assets_check import Problem

_NOT_TEXT: Final = ("opening",)
"""Columns of CSV that hold JSON."""


class RegistryError(ValueError):
    """The registry cannot be used as it is; `problems` says what is wrong where."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


def read(path: Path) -> Registry:
    """The registry in a TOML file or a folder of CSV files. RegistryError names every row that is not right."""
    if path.is_dir():
        return _registry(_csv_rows(path))
    if not path.is_file():
        raise RegistryError(
            [Problem(str(path), "there is no such file or folder", "give a TOML file or a folder of CSV")]
        )
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RegistryError([Problem(path.name, f"it is not TOML: {error}", "correct that line")]) from error
    return _registry(_toml_rows(path.name, document))


def write(registry: Registry, path: Path) -> None:
    """Write the registry: as TOML if `path` ends in .toml, else as a folder of CSV files. `read` gives it back equal."""
    tables = {kind: [_plain(row) for row in registry.rows(kind)] for kind in KINDS}
    if path.suffix == ".toml":
        path.write_text(tomli_w.dumps({kind: rows for kind, rows in tables.items() if rows}), "utf-8")
        return
    path.mkdir(parents=True, exist_ok=True)
    for kind, rows in tables.items():
        with (path / f"{kind}.csv").open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, list(KINDS[kind].model_fields), restval="")
            out.writeheader()
            out.writerows(_cells(row) for row in rows)


def _plain(row: Row) -> dict[str, Any]:
    """A row without what is not said; prices as text, so that no digit changes."""
    full = row.model_dump(exclude_none=True)
    return {
        name: str(value) if name in _prices(row) else value
        for name, value in full.items()
        if not (name == "valid_from" and value == SINCE_EVER)
    }


def _prices(row: Row) -> set[str]:
    return {name for name in type(row).model_fields if name.startswith(("per_", "idle_per_", "tax_"))}


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: json.dumps(value)
        if name in _NOT_TEXT
        else value.isoformat()
        if hasattr(value, "isoformat")
        else str(value)
        for name, value in row.items()
    }


_Placed = tuple[str, str, dict[str, Any] | Problem]
"""Kind, place in words, and the row's values or what is wrong with them."""


def _toml_rows(name: str, document: Mapping[str, Any]) -> Iterable[_Placed]:
    for kind, rows in document.items():
        if kind not in KINDS or not isinstance(rows, list):
            remedy = f"use the tables {', '.join(f'[[{known}]]' for known in KINDS)}"
            yield kind, name, Problem(f"{name}, {kind}", "this is no table of a registry", remedy)
            continue
        for number, row in enumerate(rows, 1):
            yield kind, f"{name}, [[{kind}]] number {number}", row


def _csv_rows(folder: Path) -> Iterable[_Placed]:
    files = sorted(folder.glob("*.csv"))
    if not files:
        remedy = f"put {', '.join(f'{kind}.csv' for kind in KINDS)} there, as far as there is something to say"
        yield "", str(folder), Problem(str(folder), "there is no CSV file in this folder", remedy)
    for path in files:
        if path.stem not in KINDS:
            remedy = f"name it {' or '.join(f'{kind}.csv' for kind in KINDS)}, or take it out of the folder"
            yield path.stem, path.name, Problem(path.name, "this is no file of a registry", remedy)
            continue
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="more cells than columns")
            for cells in reader:
                where = f"{path.name} line {reader.line_num}"
                yield path.stem, where, _from_cells(where, cells)


def _from_cells(where: str, cells: Mapping[str, Any]) -> dict[str, Any] | Problem:
    row = {name: cell for name, cell in cells.items() if cell not in ("", None)}
    for name in _NOT_TEXT:
        if name in row:
            try:
                row[name] = json.loads(row[name])
            except json.JSONDecodeError as error:
                return Problem(where, f"{name} is not JSON: {error}", 'write e.g. {"mon": [["06:00", "22:00"]]}')
    return row


def _registry(placed: Iterable[_Placed]) -> Registry:
    """Rows checked one by one; all that is wrong with any of them is told at once."""
    rows: dict[str, list[Row]] = {kind: [] for kind in KINDS}
    where: dict[tuple[str, int], str] = {}
    problems: list[Problem] = []
    for kind, place, values in placed:
        if isinstance(values, Problem):
            problems.append(values)
            continue
        try:
            row = KINDS[kind].model_validate(values)
        except ValidationError as error:
            problems += [_problem(kind, place, detail) for detail in error.errors(include_url=False)]
        else:
            where[kind, len(rows[kind])] = place
            rows[kind].append(row)
    if problems:
        raise RegistryError(problems)
    return Registry(**{kind: tuple(found) for kind, found in rows.items()}, where=where)  # type: ignore[arg-type]


def _problem(kind: str, place: str, detail: Mapping[str, Any]) -> Problem:
    column = ".".join(str(part) for part in detail["loc"]) or kind
    if detail["type"] == "extra_forbidden":
        remedy = f"columns of a {kind} are {', '.join(KINDS[kind].model_fields)}"
        return Problem(place, f"{column} is no column of a {kind}", remedy)
    if detail["type"] == "missing":
        return Problem(place, f"{column} is missing", f"a {kind} needs it: add it")
    reason, _, remedy = detail["msg"].removeprefix("Value error, ").partition("; ")
    shown = "" if isinstance(detail["input"], dict) else f" (it says {detail['input']!r})"
    return Problem(place, f"{column}: {reason}{shown}", remedy or "correct it")
