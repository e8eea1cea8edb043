"""What docs/control.md says is what the code does: states, steps, priorities, remedies, roles, messages."""

import re
from pathlib import Path

import pytest

from control.rules.credits import RULE, VERSION
from control.rules.remedies import REMEDIES
from control.settings import EVENTS
from schemas.work import PRIORITIES, STEPS, Role

TEXT = (Path(__file__).parents[2] / "docs" / "control.md").read_text("utf-8")


@pytest.mark.parametrize("state", STEPS)
def test_the_table_of_states_is_the_one_in_code(state):
    row = re.search(rf"^\| {state.value} \| (.*) \|$", TEXT, re.MULTILINE)

    assert set(row[1].replace("-", "").replace(",", " ").split()) == {step.to.value for step in STEPS[state]}


@pytest.mark.parametrize(
    "name", [*REMEDIES, *EVENTS, *(f"| {role.value} |" for role in Role), *(f"| {p} " for p in PRIORITIES)]
)
def test_everything_that_has_a_name_is_explained(name):
    assert name in TEXT


def test_the_credit_rule_is_the_one_in_code():
    assert f"Rule `{RULE}`, version {VERSION}" in TEXT
