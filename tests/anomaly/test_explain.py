"""From features to channels and shares."""

from models.anomaly.explain import by_channel, contributions


def test_of_two_features_of_one_channel_the_larger_one_is_kept():
    told = by_channel(
        contributions([("supply", 1.5, 0.99, 1.0), ("contact", 3.0, 40.0, 20.0), ("weld", 30.0, 330.0, 2.0)])
    )

    assert sorted(told) == ["temp_connector", "voltage"]
    assert (told["voltage"]["observed"], told["voltage"]["expected"]) == (330.0, 2.0)
    assert told["voltage"]["share"] > 0.8
