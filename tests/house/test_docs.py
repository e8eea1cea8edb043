"""Undocumented means red: commands, settings and links."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from chargewell.cli import app
from chargewell.settings import CONFIG_VARIABLE, load

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page):
    links = re.findall(r"""(?:\]\(|src=")(?!https?:|#)([^)#"]+)""", page.read_text("utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_and_picture_is_reached_from_another_page():
    reached = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in re.findall(r"""(?:\]\(|src=")(?!https?:|#)([^)#"]+)""", page.read_text("utf-8"))
    }
    there = {*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.png")}

    assert sorted(str(path) for path in there - reached) == []


def test_every_decision_is_listed_under_its_title():
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    titles = {
        path.name: path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        for path in (ROOT / "docs" / "adr").glob("*.md")
    }

    assert [name for name, title in titles.items() if f"- [{title}](adr/{name})" not in page] == []


def test_every_command_and_option_has_a_help_text():
    silent = []

    def walk(command, path):
        for parameter in command.params:
            if parameter.name != "help" and not getattr(parameter, "help", None):
                silent.append(f"{path} {parameter.name}")
        for name, inner in getattr(command, "commands", {}).items():
            if not inner.help:
                silent.append(f"{path} {name}")
            walk(inner, f"{path} {name}")

    walk(get_command(app), "chargewell")

    assert silent == []


def test_every_decision_states_its_drawbacks():
    assert [p.name for p in (ROOT / "docs" / "adr").glob("*.md") if "## Drawbacks" not in p.read_text("utf-8")] == []


def test_the_settings_that_the_readme_shows_are_settings(monkeypatch, tmp_path):
    (shown,) = re.findall(
        r"cat > chargewell\.toml <<'END'\n(.*?)^END$", (ROOT / "README.md").read_text("utf-8"), re.S | re.M
    )
    (tmp_path / "shown.toml").write_text(shown)
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "shown.toml"))

    assert load().kafka.bootstrap == "kafka.example:9092"
