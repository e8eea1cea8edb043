"""One fleet of the benchmark watched by the anomaly operator, and the minutes that its rivals are given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chargewell.bench.chargers.cases import draw, kind_of
from chargewell.bench.chargers.stream import batches
from chargewell.bench.chargers.worlds import DAY_US, Trial, upset
from models.anomaly.operator import AnomalyOperator, AnomalySettings
from models.columns import Batch
from models.evaluation.matching import MONTH_S
from models.evaluation.minutes import Minutes, MinuteTaker
from models.evaluation.modes import Case, Said
from schemas import telemetry
from schemas.assets import PortFacts
from schemas.telemetry import Event
from simulator.faults import Fault
from simulator.fleet import Fleet, generate
from simulator.history import History
from simulator.variants import VARIANTS
from simulator.vehicles import Garage
from simulator.world import World

OPERATOR = "operator"
_SEASON_SEED = 1_000


@dataclass(slots=True)
class Watched:
    """What one fleet gave: its faults, what the operator said (`texts` beside), minutes for the rivals, and how long it was."""

    cases: list[Case]
    said: list[Said]
    texts: list[str]
    minutes: Minutes
    port_days: float
    ports: list[str]
    readings: int = 0

    @property
    def port_months(self) -> float:
        """How long it was, in months of a port."""
        return self.port_days * 86_400 / MONTH_S


def facts_of(fleet: Fleet) -> dict[str, PortFacts]:
    """What a registry would tell of the fleet."""
    stations = {s.station: s for s in fleet.stations}
    return {
        p.port: PortFacts(
            site=stations[p.station].site, kind=p.model.kind, rated_w=p.model.rated_w,
            phases=p.model.phases if p.model.kind == "ac" else None, model=p.model.name,
            firmware=stations[p.station].firmware, discovered=False,
        )
        for p in fleet.ports
    }  # fmt: skip


def failing(trial: Trial, season: int, stations: int, days: float, turns: int = 0) -> Watched:
    """A fleet of `trial` that begins in `season`, with faults."""
    seed = trial.seed * _SEASON_SEED + season
    fleet = generate(stations, seed)
    start = trial.begins_us(season)
    faults = draw(fleet, start, days, seed, turn=7 * season + turns)
    world = World(fleet, trial.constants, seed, Garage.of(trial.vehicles))
    history = History(world, start, start + int(days) * DAY_US, 1, faults=faults)
    return _watch(fleet, batches(history, seed), [_case(fleet, f) for f in faults], len(fleet.ports) * days)


def healthy(trial: Trial, stations: int, days: float) -> Watched:
    """A fleet without faults; in the last two fifths of the time come a heat wave, unknown vehicles and another firmware."""
    seed = trial.seed * _SEASON_SEED + 9
    fleet = generate(stations, seed)
    start = trial.begins_us(2)
    turn = start + int(days * 0.6) * DAY_US
    end = start + int(days) * DAY_US
    before = History(World(fleet, trial.constants, seed, Garage.of(trial.vehicles)), start, turn, 1)
    renewed = replace(fleet, stations=tuple(replace(s, firmware=f"{s.firmware}-next") for s in fleet.stations))
    other = upset(trial)
    world = World(renewed, other.constants, seed, Garage.of(other.vehicles))

    def both() -> Iterable[Batch]:
        yield from batches(before, seed)
        yield _boots(renewed, turn)
        yield from batches(History(world, turn, end, 1, moment=before.moment, number=before.number + 1), seed + 1)

    return _watch(fleet, both(), [], len(fleet.ports) * days)


def _boots(fleet: Fleet, at: int) -> Batch:
    """Every station starts anew and tells its firmware."""
    events = [
        Event(
            port=f"{s.station}/0", kind=telemetry.BOOT, at=at, received_at=at, origin=0, seq=i,
            data={"reason": "firmware_update", "vendor": s.model.vendor, "model": s.model.name, "firmware": s.firmware},
        )
        for i, s in enumerate(fleet.stations)
    ]  # fmt: skip
    return Batch(0, 0, 0, at, fleet.port_names, events=events)


def _watch(fleet: Fleet, stream: Iterable[Batch], cases: Sequence[Case], port_days: float) -> Watched:
    operator = AnomalyOperator(facts_of(fleet), AnomalySettings(write_scores=False))
    taker = MinuteTaker(
        fleet.port_names, [p.model.kind == "dc" for p in fleet.ports], [p.model.amps for p in fleet.ports]
    )
    found = Watched(list(cases), [], [], taker.minutes, port_days, fleet.port_names)
    for batch in stream:
        alerts = operator.on_batch(batch).alerts + operator.on_time(batch.now).alerts
        raised = [a for a in alerts if a.revision == 1]
        found.said += [Said(a.port, a.family, round(a.raised_at.timestamp() * 1e6)) for a in raised]
        found.texts += [f"{a.raised_at:%m-%d %H:%M} {a.port} {a.family} {a.text}" for a in raised]
        found.readings += len(batch.readings)
        taker.take(batch)
    return found


def _case(fleet: Fleet, fault: Fault) -> Case:
    variant, model = VARIANTS[fault.variant], fleet.ports[fleet.index[fault.port]].model
    kind = kind_of(fault.variant, model.kind)
    label = fault.label()
    end = fault.end_us or 2**62
    return Case(
        kind.name, variant.family, label.port, fault.start_us, end, fault.severity, fault.ramp_s > 0, kind.promised
    )
