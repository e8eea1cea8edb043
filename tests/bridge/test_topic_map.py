"""Topics become keys: the station where a pattern fits, the topic itself where none does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.bridge.topic_map import Pattern, Route, TopicMap
from schemas.topics import STATION_PATTERN, is_station

STATIONS = st.from_regex(rf"\A{STATION_PATTERN}\Z").filter(is_station)


@given(STATIONS, st.sampled_from(["from", "to"]), st.text(max_size=20))
def test_our_topics_are_keyed_by_their_station(station, direction, kind):
    topic = f"ev/{station}/{direction}/{kind}"

    assert TopicMap().route(topic) == Route(station.encode(), topic.encode("utf-8", "surrogatepass"), direction)


@given(st.text())
def test_any_topic_has_a_route_and_keeps_its_own_bytes(topic):
    topics = TopicMap([Pattern("openevse-(?P<station>..)/#")])
    route = topics.route(topic)

    assert route.topic == topic.encode("utf-8", "surrogatepass")
    assert route.key == route.topic or is_station(route.key.decode())
    assert topics.route(topic) is route


@pytest.mark.parametrize(
    "topic",
    ["ev/DE-1/over/reading", "ev/DE-1", "ev//from/x", "ev/-bad/from/reading", "other/DE-1/from/x", "ev/a b/from/x"],
)
def test_what_no_pattern_fits_is_its_own_key(topic):
    assert TopicMap().route(topic) == Route(topic.encode(), topic.encode(), "other")


@pytest.mark.parametrize(
    ("pattern", "station", "topic", "found"),
    [
        ("openevse-(?P<station>..)/#", "{station}", "openevse-4f/amp", b"4f"),
        ("openevse-(?P<station>..)/#", "openevse-{station}", "openevse-4f/amp", b"openevse-4f"),
        ("openevse-(?P<station>..)/#", "{station}", "openevse-4f", b"4f"),
        ("openevse-(?P<station>..)/#", "{station}", "openevse-4ff/amp", b"openevse-4ff/amp"),
        ("site/+/<station>/data", "{station}", "site/north/W-7/data", b"W-7"),
        ("site/+/<station>/data", "{station}", "site/north/W-7/data/x", b"site/north/W-7/data/x"),
        ("(?P<site>[a-z]+)/(?P<box>\\d+)/#", "{site}-{box}", "north/12/x/y", b"north-12"),
        ("(?P<site>[a-z]+)/(?P<box>\\d+)/#", "{site}-{box}", "north/twelve/x", b"north/twelve/x"),
        ("<station>/#", "{station}", "not a station/x", b"not a station/x"),
    ],
)
def test_patterns_of_other_peoples_devices(pattern, station, topic, found):
    assert TopicMap([Pattern(pattern, station)]).route(topic).key == found


def test_the_first_pattern_that_fits_counts_and_ours_come_first():
    topics = TopicMap([Pattern("<station>/#", direction="to"), Pattern("a/<station>/#")])

    assert topics.route("a/b/c") == Route(b"a", b"a/b/c", "to")
    assert topics.route("ev/DE-1/from/x").key == b"DE-1"


@pytest.mark.parametrize(
    ("pattern", "station", "said"),
    [
        ("a/#/b", "{station}", "# stands last"),
        ("a/(b/#", "{station}", "topic pattern 'a/\\(b/#': missing \\)"),
        ("a/+/#", "{station}", "has no group named 'station'"),
        ("<station>/#", "{box}", "has no group named 'box'"),
    ],
)
def test_patterns_that_cannot_work_are_refused_with_the_remedy(pattern, station, said):
    with pytest.raises(ValueError, match=said):
        Pattern(pattern, station)
