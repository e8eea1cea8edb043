"""Uptime rules: files that say how time counts, and the statements that follow from intervals.

One more rule is one more TOML file here; `Rule` says what may stand in it.
"""

from models.uptime.rules.rule import Exclusion, Rule, read_rule, rules
from models.uptime.rules.statement import Excuse, Interval, Statement, closed_spans, network, statement, window_of

__all__ = [
    "Exclusion",
    "Excuse",
    "Interval",
    "Rule",
    "Statement",
    "closed_spans",
    "network",
    "read_rule",
    "rules",
    "statement",
    "window_of",
]  # fmt: skip
