from collections import Counter

import pytest

from schemas.assets_check import check
from simulator.fleet import MODELS, generate
from simulator.registry import registry


def test_the_default_fleet_has_sixty_stations_and_a_hundred_and_twenty_ports():
    fleet = generate()

    assert (len(fleet.stations), len(fleet.ports)) == (60, 120)
    assert Counter(s.protocol for s in fleet.stations) == {"canonical": 36, "ocpp16": 12, "ocpp201": 12}
    assert {s.model.name for s in fleet.stations} == set(MODELS)
    assert Counter(p.model.kind for p in fleet.ports) == {"ac": 66, "dc": 54}


def test_the_same_seed_gives_the_same_fleet():
    assert generate(20, 4) == generate(20, 4)
    assert generate(20, 4) != generate(20, 5)


@pytest.mark.parametrize("stations", [1, 7, 60, 300])
def test_the_registry_of_a_fleet_has_no_problems(stations):
    fleet = generate(stations, seed=9)
    made = registry(fleet)

    assert check(made) == []
    assert [p.port for p in made.port] == fleet.port_names
    assert {c.port for c in made.connector} == set(fleet.port_names)


def test_a_fleet_without_stations_is_refused():
    with pytest.raises(ValueError, match="at least one station"):
        generate(0)
