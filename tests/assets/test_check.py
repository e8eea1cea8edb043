"""The registry's files: they round trip, and what is wrong with them is told by file, row, reason and remedy."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.timescale.registry_files import RegistryError, read, write
from schemas.assets import Connector, Port, Registry, Site, Station, Tariff
from schemas.assets_check import check

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(lambda d: d.replace(tzinfo=UTC))
positive = st.floats(1e-3, 1e7)
prices = st.decimals(0, 1000, places=4)
opening = st.dictionaries(
    st.sampled_from(["mon", "sat", "sun"]), st.sampled_from([[], [("06:00", "22:00")], [("00:00", "24:00")]])
)


def dated(draw, cls, **values):
    start, end = sorted(draw(st.tuples(moments, moments)))
    if draw(st.booleans()):
        values["valid_from"] = start
    if end > start and draw(st.booleans()):
        values["valid_to"] = end
    return cls(**values)


@st.composite
def registries(draw):
    """Whole registries without overlaps: one row a thing, all references known."""
    some = lambda strategy: draw(st.none() | strategy)  # noqa: E731
    sites = [
        dated(draw, Site, site=name, name=draw(texts), time_zone=draw(st.sampled_from(["UTC", "Europe/Berlin"])),
              lat=some(st.floats(-90, 90)), lon=some(st.floats(-180, 180)), owner=some(texts), opening=some(opening),
              grid_limit_w=some(positive))
        for name in draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    ]  # fmt: skip
    stations = [
        dated(draw, Station, station=f"ST{i}", site=draw(st.sampled_from(sites)).site, model=some(texts), serial=some(texts),
              heartbeat_s=some(positive), commissioned_at=some(moments), protocol=some(texts))
        for i in range(draw(st.integers(1, 3)))
    ]  # fmt: skip
    ports = [
        dated(draw, Port, station=s.station, number=n, kind=draw(st.sampled_from(["ac", "dc"])), rated_w=draw(positive),
              phases=some(st.integers(1, 3)))
        for s in stations for n in range(1, draw(st.integers(1, 3)))
    ]  # fmt: skip
    connectors = [Connector(station=p.station, number=p.number, connector=1, standard=draw(texts)) for p in ports]
    tariffs = [dated(draw, Tariff, tariff="one", currency="EUR", per_kwh=draw(prices), tax_percent=draw(prices))]
    return Registry(*map(tuple, (sites, stations, ports, connectors, tariffs)))


@settings(max_examples=60, deadline=None)
@given(registry=registries(), name=st.sampled_from(["assets.toml", "assets"]))
def test_what_is_written_is_read_back_equal_and_without_a_problem(registry, name):
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(registry, path)

        assert read(path) == registry
    assert check(registry) == []


TOML = """
[[site]]
site = "Hof"
time_zone = "Europe/Berlin"

[[station]]
station = "DE-1"
site = "Hof"
valid_to = 2025-03-01

[[port]]
station = "DE-1"
number = 1
kind = "dc"
rated_w = 150000
"""


def told(tmp_path, text, name="a.toml"):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    try:
        return [str(problem) for problem in check(read(path if name.endswith("toml") else path.parent))]
    except RegistryError as error:
        return [str(problem) for problem in error.problems]


def test_a_registry_in_order_has_no_problem(tmp_path):
    assert told(tmp_path, TOML) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('"Europe/Berlin"', '"Europe/Berin"'), r"a.toml, [[site]] number 1: time_zone: 'Europe/Berin' is no time zone (it says 'Europe/Berin'); give an IANA name such as Europe/Berlin"),
        (('rated_w = 150000', 'rated_kw = 150'), "a.toml, [[port]] number 1: rated_w is missing; a port needs it: add it"),
        (('site = "Hof"\nvalid', 'site = "Hoff"\nvalid'), "a.toml, [[station]] number 1: site 'Hoff' is not in the registry; add a site row for it or correct the name"),
        (('valid_to = 2025-03-01', 'valid_to = 2025-03-01\n[[station]]\nstation="DE-1"\nsite="Hof"\nvalid_from=2025-02-01'), "a.toml, [[station]] number 2: station 'DE-1' from 2025-02-01T00:00+0000 overlaps a.toml, [[station]] number 1, valid to 2025-03-01T00:00+0000; end the earlier row where the later begins, or take one of them out"),
        (('kind = "dc"', 'kind = "dc"\nvalid_from = 2026-01-01\nvalid_to = 2025-01-01'), "a.toml, [[port]] number 1: port: valid_to 2025-01-01 is not after valid_from 2026-01-01; swap or correct them"),
        (('[[port]]', '[[ports]]'), "a.toml, ports: this is no table of a registry; use the tables [[site]], [[station]], [[port]], [[connector]], [[tariff]]"),
        (('number = 1', 'number = 1 1'), "a.toml: it is not TOML"),
    ],
)  # fmt: skip
def test_a_mistake_in_toml_is_told_with_its_place_reason_and_remedy(tmp_path, change, expected):
    assert change[0] in TOML

    problems = told(tmp_path, TOML.replace(*change))

    assert any(problem.startswith(expected) for problem in problems), problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("site,time_zone\nHof,\n", "site.csv line 2: time_zone is missing; a site needs it: add it"),
        ("site,zone\nHof,UTC\n", "site.csv line 2: zone is no column of a site; columns of a site are valid_from"),
        ("site,time_zone\nHof,UTC,x\n", "site.csv line 2: more cells than columns is no column of a site"),
        ('site,time_zone,opening\nHof,UTC,"{mon"\n', "site.csv line 2: opening is not JSON"),
        ('site,time_zone,opening\nHof,UTC,"{""mon"": [[""22:00"", ""06:00""]]}"\n', "site.csv line 2: opening: mon 22:00-06:00: give HH:MM"),
        ("site,time_zone\nHof,UTC\nHof,UTC\n", "site.csv line 3: site 'Hof' from 1970-01-01T00:00+0000 overlaps site.csv line 2"),
    ],
)  # fmt: skip
def test_a_mistake_in_csv_is_told_with_its_line(tmp_path, text, expected):
    problems = told(tmp_path, text, "assets/site.csv")

    assert any(problem.startswith(expected) for problem in problems), problems


def test_all_mistakes_are_told_at_once(tmp_path):
    problems = told(tmp_path, 'site,time_zone\nHof,nowhere\n"",UTC\n', "assets/site.csv")

    assert [problem.split(":")[0] for problem in problems] == ["site.csv line 2", "site.csv line 3"]


def test_a_file_that_is_not_there_or_not_ours_is_told(tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(RegistryError, match="there is no such file"):
        read(tmp_path / "gone.toml")
    with pytest.raises(RegistryError, match="no CSV file"):
        read(tmp_path / "empty")
    assert told(tmp_path, "a,b\n", "assets/prices.csv")[0].startswith("prices.csv: this is no file of a registry")


def test_doubled_ports_connectors_and_tariffs_of_one_scope_are_found():
    site, station = Site(site="S", time_zone="UTC"), Station(station="A", site="S")
    port = Port(station="A", number=1, kind="ac", rated_w=11_000, phases=3)
    plug = Connector(station="A", number=1, connector=1, standard="T2")
    tariffs = (Tariff(tariff="x", currency="EUR", site="S"), Tariff(tariff="y", currency="EUR", site="S"))

    problems = check(Registry((site,), (station,), (port, port), (plug, plug), tariffs))

    assert [problem.where for problem in problems] == ["port row 2", "connector row 2", "tariff row 2"]


def test_rows_that_follow_each_other_do_not_overlap():
    turn = datetime(2025, 1, 1, tzinfo=UTC)
    rows = (Site(site="S", time_zone="UTC", valid_to=turn), Site(site="S", time_zone="Asia/Tokyo", valid_from=turn))

    assert check(Registry(site=rows)) == []
