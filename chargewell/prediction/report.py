"""What `train` prints: the model beside base rate, port age and recent errors; by family; beside online models."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from chargewell.prediction.online import Compared
from models.failure.asked import Asked
from models.failure.judge import HORIZONS, Judged
from models.failure.orders import Orders


def show(judged: Sequence[Judged], families: Mapping[str, float], asked: Asked, console: Console) -> None:
    """The tables of a judgement."""
    table = Table(title=f"judged on {asked.months:,.0f} port-months that were not learned from", title_justify="left")
    for name in (
        "ranking",
        *(f"PR-AUC {h}" for h in HORIZONS),
        "Brier 7d",
        "reliability",
        "resolution",
        "skill",
        "calibration",
    ):
        table.add_column(name, justify="left" if name == "ranking" else "right")
    for one in judged:
        b = one.brier
        figures = (b.score, b.reliability, b.resolution)
        table.add_row(
            one.name,
            *(f"{x:.3f}" for x in one.pr_auc),
            *(f"{x:.5f}" for x in figures),
            f"{b.skill:.3f}",
            f"{one.calibration:.5f}",
        )
    console.print(table)
    lead = Table(title="at one false order in 100 port-months", title_justify="left")
    for name in ("ranking", "failures found", "median lead", "orders", "false"):
        lead.add_column(name, justify="left" if name == "ranking" else "right")
    for one in judged:
        o = one.orders
        days = "" if o.found == 0 else f"{o.lead_h / 24:.1f} d"
        lead.add_row(one.name, f"{o.found} of {o.failures}", days, str(o.orders), str(o.false))
    console.print(lead)
    parts = Table(title="the model, PR-AUC within 7 days by fault family", title_justify="left")
    for family in families:
        parts.add_column(family, justify="right")
    parts.add_row(*(f"{value:.3f}" for value in families.values()))
    console.print(parts)


def show_level(found: Orders, console: Console) -> None:
    """What the model would have ordered on the judging fleet at the level it comes with."""
    lead = f", {found.lead_h:.0f} hours ahead in the median" if found.found else ""
    console.print(
        f"at level {found.level:.2f}, with which it comes: {found.orders} orders, {found.orders - found.false} right; "
        f"{found.found} of {found.failures} failures found{lead}"
    )


def show_online(compared: Sequence[Compared], console: Console) -> None:
    """The trained model beside online ones."""
    table = Table(title="any failure within 7 days, second half of the judging fleet's time", title_justify="left")
    for name in ("model", "PR-AUC", "Brier"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for one in compared:
        table.add_row(one.name, f"{one.pr_auc:.3f}", f"{one.brier:.5f}")
    console.print(table)
