"""The tables of the charger-fault benchmark."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from chargewell.bench.chargers.cases import KINDS, MODES
from models.evaluation.modes import Judged, Outcome, middle, named_share, share

if TYPE_CHECKING:
    from chargewell.bench.chargers.command import Result

_BINS: Final = ((0.1, 0.4), (0.4, 0.7), (0.7, 1.01))


def show(result: "Result", stated: float, seconds: float, console: Console) -> None:
    """Who found what, then each kind of fault as the operator found it."""
    readings = sum(f.readings for f in result.fleets) + result.calm.readings
    console.print(
        f"world {result.trial}: {len(result.fleets)} fleets with faults over {result.fleets[0].port_days:,.0f} port-days each, a healthy "
        f"one under a heat wave, new vehicles and new firmware; {readings:,} readings in {seconds:.0f} s"
    )
    for table in (_rivals(result, stated), kinds(result.judged["operator"])):
        console.print(table)


def _columns(table: Table, first: str, others: Sequence[str]) -> None:
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)


def _rivals(result: "Result", stated: float) -> Table:
    table = Table(title=f"Faults that are promised to be found, from severity {stated:g} on")
    _columns(table, "watched by", ("found", "in time", "cause", "delay", "false", "healthy"))
    table.caption = (
        "in time: creeping faults before the part failed; cause: right in the first alert; delay: median; "
        "false: alerts about nothing per port and month; healthy: the same on the fleet without faults"
    )
    for name, judged in result.judged.items():
        mine = judged.promised(stated)
        failing = [o for o in mine if o.case.fails]
        table.add_row(
            name, _percent(share(mine)), _percent(share(failing)), _percent(named_share(mine)), _time(middle(o.delay_s for o in mine)),
            f"{judged.false_rate:.3f}", f"{result.healthy[name]:.3f}",
        )  # fmt: skip
    return table


def kinds(judged: Judged) -> Table:
    """Each kind of fault, with its failure mode, as it was found."""
    table = Table(title="The operator by kind of fault")
    _columns(table, "fault", ("mode", *(f"-{min(b, 1):g}" for _, b in _BINS), "creep", "cause", "delay", "at", "lead"))
    modes = {kind.name: f"{kind.mode} {MODES[kind.mode]}" for kind in KINDS}
    table.columns[1].justify = "left"
    for kind in sorted(judged.kinds()):
        mine = judged.of(kind)
        sudden, creeping = [o for o in mine if not o.case.fails], [o for o in mine if o.case.fails]
        star = "" if mine[0].case.promised else " *"
        table.add_row(
            kind + star, modes.get(kind, ""), *(_counted(sudden, a, b) for a, b in _BINS), _counted(creeping), _percent(named_share(mine)),
            _time(middle(o.delay_s for o in sudden)), _number(middle(o.level for o in creeping)), _time(middle(o.lead_s for o in creeping)),
        )  # fmt: skip
    table.caption = (
        "found of struck: sudden faults of severity 0.1 to 0.4, 0.7, 1; creeping ones before the part failed. Medians: delay of sudden ones; "
        "severity at the alert and time from it to the failure of creeping ones. * nothing shows it: not promised"
    )
    return table


def _counted(outcomes: Sequence[Outcome], low: float = 0.0, high: float = 1.01) -> str:
    mine = [o for o in outcomes if low <= o.case.severity < high]
    return f"{sum(o.said is not None for o in mine)}/{len(mine)}" if mine else ""


def _or_nothing(show: Callable[[float], str]) -> Callable[[float], str]:
    return lambda value: show(value) if value == value else ""


_percent: Final = _or_nothing(lambda v: f"{100 * v:.0f} %")
_number: Final = _or_nothing(lambda v: f"{v:.2f}")
_time: Final = _or_nothing(
    lambda s: (
        f"{s:.0f} s"
        if s < 300
        else f"{s / 60:.0f} min"
        if s < 7_200
        else f"{s / 3_600:.0f} h"
        if s < 172_800
        else f"{s / 86_400:.1f} d"
    )
)
