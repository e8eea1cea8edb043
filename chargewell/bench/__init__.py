"""Measurements: speed beside rivals in the same run, accuracy on labelled data. Never part of the tests."""
