"""The live terminal view: a few figures a second, the newest incidents; plain lines where there is no terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from chargewell.demo.counters import Counters

_PLAIN_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Happening:
    """A line about something that came of the data: an incident, an order, a credit."""

    at_s: float
    text: str


class View:
    """Shows counters and happenings; a context manager. On a terminal it redraws in place, else it prints a line now and then."""

    def __init__(self, console: Console, address: str) -> None:
        self._console = console
        self._address = address
        self._live = Live(console=console, refresh_per_second=2, transient=True) if console.is_terminal else None
        self._printed_at = -_PLAIN_EVERY_S
        self._told = 0

    def __enter__(self) -> "View":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, elapsed_s: float, now: Counters, happenings: Sequence[Happening]) -> None:
        """Draw the state after `elapsed_s` seconds of the live chain."""
        if self._live is not None:
            self._live.update(self._drawn(elapsed_s, now, happenings))
            return
        for happening in happenings[self._told :]:
            self._console.print(f"  {happening.at_s:5.0f} s  {happening.text}", markup=False, highlight=False)
        self._told = len(happenings)
        if elapsed_s - self._printed_at >= _PLAIN_EVERY_S:
            self._printed_at = elapsed_s
            self._console.print(line(elapsed_s, now), markup=False, highlight=False)

    def _drawn(self, elapsed_s: float, now: Counters, happenings: Sequence[Happening]) -> Panel:
        table = Table.grid(padding=(0, 3))
        for name, value in figures(now):
            table.add_row(name, f"[bold]{value}[/bold]")
        news = Table.grid(padding=(0, 2))
        for happening in happenings[-8:]:
            news.add_row(f"{happening.at_s:.0f} s", happening.text)
        title = f"Chargewell, {elapsed_s:.0f} s, simulated network"
        return Panel(Group(table, "", news), title=title, subtitle=self._address, expand=False)


def figures(now: Counters) -> list[tuple[str, str]]:
    """Names and values as people read them."""
    latency = "-" if now.latency_s is None else f"{now.latency_s * 1000:.0f} ms"
    return [
        ("messages in", f"{now.messages_in:,}"),
        ("lines stored", f"{now.stored:,}"),
        ("rejected", f"{now.rejected:,}"),
        ("not yet stored", f"{now.lag:,}"),
        ("ports up", f"{now.ports_up} of {now.ports}"),
        ("open incidents", str(now.incidents)),
        ("work orders", str(now.work_orders)),
        ("credits", str(now.credits)),
        ("newest stored reading is", f"{latency} old"),
    ]


def line(elapsed_s: float, now: Counters) -> str:
    """All figures in one line."""
    return f"{elapsed_s:5.0f} s  " + ", ".join(f"{name} {value}" for name, value in figures(now))
