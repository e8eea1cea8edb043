"""Small made-up fleets whose hazards are known."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from models.failure.history import History, Occurrences

DAY = 24


def occurrences(rows):
    table = np.array(rows, np.int64).reshape(-1, 3)
    return Occurrences(table[:, 0], table[:, 1], table[:, 2])


def until(history, at):
    """The history as it was known at `at`."""

    def cut(marks):
        seen = marks.at <= at
        return Occurrences(marks.unit[seen], marks.at[seen], marks.kind[seen])

    seen = history.at <= at
    return replace(
        history,
        unit=history.unit[seen],
        at=history.at[seen],
        channels=history.channels[seen],
        settings=history.settings[seen],
        errors=cut(history.errors),
        repairs=cut(history.repairs),
    )


def fleet(units=6, days=60, seed=0):
    """Units with four channels, one setting, errors of two kinds and repairs of two components; gaps and missing values."""
    chance = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), days)
    at = np.tile(np.arange(1, days + 1) * DAY, units)
    setting = chance.normal(0, 1, (len(at), 1))
    channels = chance.normal(0, 1, (len(at), 4)) + setting * 2
    channels[chance.random(channels.shape) < 0.05] = np.nan
    kept = chance.random(len(at)) < 0.9

    def marks(n, kinds):
        rows = [chance.integers(0, units, n), chance.integers(1, days * DAY, n), chance.integers(0, kinds, n)]
        return Occurrences(*rows)

    return History(
        units=units,
        step=DAY,
        unit=unit[kept],
        at=at[kept],
        channels=channels[kept],
        channel_names=("a", "b", "c", "d"),
        settings=setting[kept],
        setting_names=("load",),
        errors=marks(80, 2),
        error_names=("trip", "retry"),
        repairs=marks(30, 2),
        component_names=("fan", "cable"),
        facts=chance.normal(0, 1, (units, 1)),
        fact_names=("years",),
    )


@dataclass
class Known:
    history: History
    unit: np.ndarray
    at: np.ndarray
    failures: Occurrences
    watched: np.ndarray
    chance: np.ndarray


def worn(units=60, days=120, seed=0):
    """A fleet whose fan fails on a day with a chance that its temperature of the day before sets; then it is replaced.

    `chance` [n] is the true probability to fail within a day of each question (unit, at).
    """
    draw = np.random.default_rng(seed)
    rows, values, failed, hazards = [], [], [], []
    for unit in range(units):
        heat = 0.0
        for day in range(1, days + 1):
            heat = 0.8 * heat + draw.normal(0, 0.6)
            hazard = 1 / (1 + np.exp(-(2.0 * heat - 3.5)))
            rows.append((unit, day * DAY))
            values.append((heat, draw.normal(), draw.normal()))
            hazards.append(hazard)
            if draw.random() < hazard:
                failed.append((unit, (day + 1) * DAY, 0))
                heat = 0.0
    table = np.array(rows, np.int64)
    failures = occurrences(failed)
    history = History(
        units=units,
        step=DAY,
        unit=table[:, 0],
        at=table[:, 1],
        channels=np.array(values),
        channel_names=("heat", "noise", "hum"),
        settings=np.empty((len(table), 0)),
        repairs=failures,
        component_names=("fan",),
    )
    watched = np.full(units, days * DAY, np.int64)
    return Known(history, table[:, 0], table[:, 1], failures, watched, np.array(hazards))


def wearing(units=40, seed=0, regimes=1):
    """Units that run to failure: wear of unknown pace raises two channels and lowers one, under random settings.

    With several regimes each cycle runs at another, which moves every channel by far more than wear does.
    """
    draw = np.random.default_rng(seed)
    offsets = np.random.default_rng(99).normal(0, 100, (regimes, 4))
    lives = draw.integers(60, 160, units)
    blocks = []
    for life in lives:
        wear = np.exp(3 * (np.arange(life) / life - 1))
        regime = draw.integers(0, regimes, life)
        channels = np.outer(wear, (3.0, 2.0, -3.0, 0.0)) + draw.normal(0, 0.3, (life, 4)) + offsets[regime]
        blocks.append(np.column_stack([regime * 10 + draw.normal(0, 0.01, life), channels]))
    rows = np.concatenate(blocks)
    history = History(
        units=units,
        step=1,
        unit=np.repeat(np.arange(units), lives),
        at=np.concatenate([np.arange(n) for n in lives]),
        channels=rows[:, 1:],
        channel_names=("a", "b", "c", "d"),
        settings=rows[:, :1],
        setting_names=("altitude",),
    )
    return history, lives - 1


@pytest.fixture(scope="session")
def known():
    return worn()


@pytest.fixture(scope="session")
def make():
    """The makers of made-up data, by name."""
    from types import SimpleNamespace

    return SimpleNamespace(fleet=fleet, worn=worn, wearing=wearing, until=until, occurrences=occurrences)
