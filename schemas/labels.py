"""Labels: what was wrong with a port over a span of time, by one who knows: the simulator, a technician or an operator.

One shape for all three, so detectors and failure models are judged and taught by any of them.
"""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.faults import catalogue

LabelSource = Literal["simulator", "technician", "operator"]
Sign = Literal["voltage", "current", "temperature", "energy", "other", "status", "code", "silence", "session"]


class Label(BaseModel):
    """A fault of one family at a port from `start` to `end` (None: not over, or the end is not known).

    `port` is a port id, or `<station>/0` where the whole station is concerned. `variant` is what exactly (free for people,
    a name of the simulator's catalogue otherwise). `severity` runs from 0 (barely there) to 1 (as bad as it gets);
    None: not judged. `ramp_s` is how long it took from its start to that severity (0: at once). `signs` says where it
    can be seen at all, as far as that is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    port: Annotated[str, Field(pattern=r"^[^/]+/[0-9]+$")]
    start: AwareDatetime
    end: AwareDatetime | None = None
    fault: str
    variant: str = ""
    severity: Annotated[float | None, Field(ge=0, le=1)] = None
    ramp_s: Annotated[float, Field(ge=0)] = 0.0
    signs: tuple[Sign, ...] = ()
    source: LabelSource
    who: Annotated[str, Field(min_length=1, max_length=200)]
    note: Annotated[str, Field(max_length=2_000)] = ""

    @field_validator("fault")
    @classmethod
    def _known(cls, fault: str) -> str:
        if fault not in catalogue():
            raise ValueError(
                f"fault {fault!r} is no family of the catalogue: use one of {', '.join(sorted(catalogue()))}"
            )
        return fault

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise ValueError(f"label of {self.port} ends ({self.end}) before it starts ({self.start}): swap them")
        return self

    @property
    def hidden(self) -> bool:
        """Whether it shows in physical channels alone: never in a status, a code, silence or the course of a session."""
        return bool(self.signs) and not set(self.signs) & {"status", "code", "silence", "session"}
