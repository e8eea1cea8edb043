"""The simulated network as a registry, to be imported like any real one."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from schemas.assets import Connector, Port, Registry, Site, Station, Tariff
from simulator.fleet import Fleet

STANDARDS: Final = {"type2": "IEC_62196_T2", "ccs2": "IEC_62196_T2_COMBO", "chademo": "CHADEMO"}


def registry(fleet: Fleet, since: datetime = datetime(2023, 1, 1, tzinfo=UTC)) -> Registry:
    """All rows of `fleet`, valid and commissioned from `since`."""
    return Registry(
        site=tuple(
            Site(
                site=s.site, name=s.place.name, time_zone=s.place.time_zone, lat=s.place.lat, lon=s.place.lon,
                owner=s.owner, grid_limit_w=s.grid_limit_w, valid_from=since,
            )
            for s in fleet.sites
        ),
        station=tuple(
            Station(
                station=s.station, site=s.site, model=s.model.name, firmware=s.firmware, serial=s.serial,
                protocol=s.protocol, heartbeat_s=s.heartbeat_s, commissioned_at=since, valid_from=since,
            )
            for s in fleet.stations
        ),
        port=tuple(
            Port(
                station=p.station, number=p.number, kind=p.model.kind, rated_w=p.model.rated_w,
                phases=p.model.phases if p.model.kind == "ac" else None, valid_from=since,
            )
            for p in fleet.ports
        ),
        connector=tuple(
            Connector(station=p.station, number=p.number, connector=n, standard=STANDARDS[standard])
            for p in fleet.ports
            for n, standard in enumerate(p.model.standards, 1)
        ),
        tariff=tuple(
            Tariff(
                tariff=t.tariff, site=t.site, currency=t.currency, per_kwh=Decimal(t.per_kwh),
                per_session=Decimal(t.per_session), idle_per_minute=Decimal(t.idle_per_minute),
                tax_percent=Decimal(t.tax_percent), valid_from=since,
            )
            for t in fleet.tariffs
        ),
    )  # fmt: skip
