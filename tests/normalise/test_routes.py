"""From topics to routes, a poll at once."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.adapters import routes
from connectors.adapters.routes import Routes, TopicBinding

TOPICS = st.one_of(
    st.sampled_from(
        [b"ev/DE-1/from/reading", b"ev/DE-1/to/ocpp16", b"ev/DE-2/from/reading", b"meters/DE-3/live", b"x"]
    ),
    st.binary(max_size=12),
)
BINDINGS = [TopicBinding(pattern="meters/{station}/live", adapter="reading")]


@given(st.lists(st.lists(TOPICS, min_size=1, max_size=30), min_size=1, max_size=5))
def test_topics_of_polls_find_the_routes_they_find_alone_each_once(polls):
    together = Routes(BINDINGS)
    for topics in polls:
        found, place = together.of(topics)

        assert [found[i] for i in place.tolist()] == [Routes(BINDINGS).of([topic])[0][0] for topic in topics]
        assert set(place.tolist()) == set(range(len(found)))
        assert len(found) == len(set(topics))


def test_what_routes_remember_is_bounded_and_forgetting_changes_nothing(monkeypatch):
    monkeypatch.setattr(routes, "_CACHED", 3)
    small = Routes()
    for i in range(20):
        topics = [b"ev/DE-%d/from/reading" % (i % 7), b"ev/DE-%d/from/event" % i]
        found, place = small.of(topics)

        assert [found[k].topic.encode() for k in place.tolist()] == topics
        assert len(small._routes) <= 3 + 2
