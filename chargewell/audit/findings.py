"""What an audit finds: one difference each, named so that a person can look at it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

Kind = Literal["lost_message", "unknown_message", "gap", "missing_row", "unexpected_row", "altered_row", "sum"]

MEANING: Final[dict[Kind, str]] = {
    "lost_message": "the broker acknowledged it to the station, and the log does not hold it",
    "unknown_message": "the log holds it, and the station's ledger does not",
    "gap": "raw records that no record of ev.telemetry accounts for",
    "missing_row": "the log holds the line, the table does not",
    "unexpected_row": "the table holds a row that no line of the log makes",
    "altered_row": "the table's values are not those of the newest line of the log",
    "sum": "received is not stored + repeated + superseded + rejected + queued",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: of what kind, in which table or topic, at which port or station, and when."""

    kind: Kind
    place: str
    who: str
    at: int | None
    detail: str = ""

    def __str__(self) -> str:
        when = "" if self.at is None else f" at {shown(self.at)}"
        more = f": {self.detail}" if self.detail else ""
        return f"{self.kind} in {self.place}, {self.who}{when}{more}"


@dataclass
class Report:
    """The sums of an audit and its findings. `counts` are lines by what became of them."""

    messages: int = 0
    acknowledged: int | None = None
    repeated_messages: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is amiss."""
        return not self.findings


def shown(at: int) -> str:
    """Microseconds as a UTC time for people."""
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
