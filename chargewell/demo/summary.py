"""The demo's account: the audit, alerts beside labels, and whether all of it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from chargewell.audit.findings import Report
from chargewell.audit.run import show as show_audit
from chargewell.demo.judge import Foreseen, Judgement

FALSE_ALLOWED = 2


@dataclass(frozen=True, slots=True)
class Account:
    """What came of a demo."""

    report: Report
    judgement: Judgement
    work_orders: int
    credits: int
    first_incident_s: float | None
    first_order_s: float | None
    first_credit_s: float | None
    foreseen: Sequence[Foreseen] = ()

    def broken(self) -> list[str]:
        """What does not hold, in words; empty if the demo kept its promises."""
        missed = sorted(kind for kind, (hit, _) in self.judgement.kinds.items() if hit == 0)
        checks = [
            (not self.report.sound, f"the audit found {len(self.report.findings)} differences"),
            (not self.judgement.outcomes, "no fault occurred: the demo was too short"),
            (bool(missed), f"no fault of these kinds was found: {', '.join(missed)}"),
            (
                len(self.judgement.false) > FALSE_ALLOWED,
                f"{len(self.judgement.false)} alerts were false, {FALSE_ALLOWED} are allowed",
            ),
            (self.work_orders == 0, "no work order came of it"),
            (self.credits == 0, "no credit came of it"),
        ]
        return [text for failed, text in checks if failed]


def show(account: Account, console: Console) -> None:
    """Print the account."""
    show_audit(account.report, console)
    table = Table(title="Simulated faults and what was found", title_justify="left")
    for name in ("port", "fault", "shows only in measurements", "found after", "by", "named right"):
        table.add_column(name)
    for outcome in account.judgement.outcomes:
        label, alert = outcome.label, outcome.alert
        found = "[red]missed[/red]" if outcome.delay_s is None else _span(outcome.delay_s)
        table.add_row(
            label.port, f"{label.fault} {label.variant}".strip(), "yes" if label.hidden else "no", found,
            "" if alert is None else f"{alert.kind}: {alert.family}", "yes" if outcome.named else "no",
        )  # fmt: skip
    console.print(table)
    for one in account.foreseen:
        text = f"foreseen {one.ahead_s:.0f} s before it failed: {one.label.port}: {one.alert.text}"
        console.print(text, markup=False, highlight=False)
    for alert in account.judgement.false:
        console.print(f"  false: {alert.port} {alert.family} at {alert.raised_at:%H:%M:%S}: {alert.text}", markup=False)
    firsts = [
        ("incident", account.first_incident_s),
        ("work order", account.first_order_s),
        ("credit", account.first_credit_s),
    ]
    told = ", ".join(f"{name} after {'never' if s is None else f'{s:.0f} s'}" for name, s in firsts)
    console.print(f"first {told} of the live chain")
    for text in account.broken():
        console.print(f"[red]not kept:[/red] {text}")
    if not account.broken():
        console.print("[green]Kept: nothing lost, every kind of fault found, an order and a credit came of it.[/green]")


def _span(seconds: float) -> str:
    """A delay for people: wear that began weeks ago is told in days."""
    return f"{seconds:.0f} s" if seconds < 86_400 else f"{seconds / 86_400:.0f} days"
