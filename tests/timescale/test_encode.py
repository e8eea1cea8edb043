"""Binary COPY from columns stores what psycopg's own text path stores."""

import math
from datetime import UTC, date, datetime

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.timescale.copy import copy_rows
from connectors.timescale.encode import HEADER, TRAILER, encode
from connectors.timescale.fields import NULL_INT
from connectors.timescale.shapes import Shape

KINDS = {
    "small": "int2", "middle": "int4", "large": "int8", "single": "float4", "double": "float8", "instant": "timestamptz",
    "day": "date", "yes": "bool", "word": "text", "other_word": "text", "document": "jsonb",
}  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATE = int(datetime(9998, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
EARLY = int(datetime(1, 2, 1, tzinfo=UTC).timestamp() * 1_000_000)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
VALUES = {
    "small": st.integers(-(2**15), 2**15 - 1),
    "middle": st.integers(-(2**31), 2**31 - 1),
    "large": st.integers(-(2**63) + 1, 2**63 - 1),
    "single": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "instant": st.integers(EARLY, LATE),
    "day": st.integers(-700_000, 2_900_000),
    "yes": st.booleans(),
    "word": texts,
    "other_word": st.sampled_from(["a", "bb", ""]),
    "document": st.dictionaries(texts, documents, max_size=4),
}


@st.composite
def tables(draw, nullable=True):
    names = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, unique=True))
    n = draw(st.integers(1, 12))
    cell = {name: (VALUES[name] | st.none() if nullable else VALUES[name]) for name in names}
    return {name: draw(st.lists(cell[name], min_size=n, max_size=n)) for name in names}


def as_columns(table):
    """What an operator would hand over: arrays where it has arrays, lists for text and documents."""
    made = {}
    for name, values in table.items():
        if KINDS[name] in ("float4", "float8"):
            dtype = np.float32 if KINDS[name] == "float4" else np.float64
            made[name] = np.array([math.nan if v is None else v for v in values], dtype)
        elif KINDS[name] in ("text", "jsonb", "bool"):
            made[name] = values
        else:
            made[name] = np.array([NULL_INT if v is None else v for v in values], np.int64)
    return made


def as_text(name, value):
    if value is None:
        return None
    if KINDS[name] == "timestamptz":
        return str(np.datetime64(value, "us")).replace("T", " ") + "+00"
    if KINDS[name] == "date":
        return str(np.datetime64(value, "D"))
    if KINDS[name] == "jsonb":
        return psycopg.types.json.Jsonb(value)
    if KINDS[name] == "float4":
        return f"{float(np.float32(value))!r}"
    return value


@pytest.fixture
def plain(conn):
    columns = ", ".join(f"{name} {kind}" for name, kind in KINDS.items())
    conn.execute(f"CREATE TEMP TABLE given (row int, {columns})")
    return conn


@pytest.mark.integration
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables())
def test_any_columns_are_stored_as_psycopgs_text_copy_stores_them(plain, table):
    shape = Shape("given", {"row": "int4", **KINDS}, ())
    n = len(next(iter(table.values())))
    read = f"SELECT {', '.join(f'{name}::text' for name in table)} FROM given ORDER BY row"

    plain.execute("TRUNCATE given")
    with plain.cursor().copy(f"COPY given (row, {', '.join(table)}) FROM STDIN") as copy:
        for i in range(n):
            copy.write_row([i, *(as_text(name, values[i]) for name, values in table.items())])
    expected = plain.execute(read).fetchall()
    plain.execute("TRUNCATE given")
    assert copy_rows(plain, shape, {"row": np.arange(n), **as_columns(table)}) == n

    assert plain.execute(read).fetchall() == expected


def test_an_empty_table_is_a_header_and_a_trailer():
    shape = Shape("given", KINDS, ())

    pieces = list(encode(shape, {"single": np.empty(0, np.float32), "word": []}))

    assert b"".join(map(bytes, pieces)) == HEADER + TRAILER


def test_rows_of_one_pattern_are_one_piece_and_a_missing_value_takes_no_room():
    shape = Shape("given", KINDS, ())
    column = np.array([1.0, np.nan, 2.0, np.nan], np.float32)

    pieces = list(encode(shape, {"middle": np.arange(4), "single": column}))

    assert [len(bytes(p)) for p in pieces] == [19, 2 * (2 + 8 + 8), 2 * (2 + 8 + 4), 2]


@pytest.mark.integration
def test_what_postgresql_does_not_take_in_text_becomes_the_replacement_character(plain):
    shape = Shape("given", {"row": "int4", **KINDS}, ())
    columns = {
        "word": ["a\0b", "lone \ud800"],
        "document": [{"a\0": "b\0", "n": float("nan")}, {"lone": ["\udfff"], "big": 10**22}],
    }

    copy_rows(plain, shape, {"row": np.arange(2), **columns})

    assert plain.execute("SELECT word, document FROM given ORDER BY row").fetchall() == [
        ("a�b", {"a�": "b�", "n": None}),
        ("lone ?", {"lone": ["?"], "big": 1e22}),
    ]


@pytest.mark.integration
def test_dates_and_times_of_python_are_taken_too(plain):
    shape = Shape("given", {"row": "int4", **KINDS}, ())
    at = datetime(2025, 3, 30, 1, 59, 59, 999_999, tzinfo=UTC)

    copy_rows(plain, shape, {"instant": [at, None], "day": [date(2025, 3, 30), None]})

    assert plain.execute("SELECT instant, day FROM given ORDER BY instant").fetchall() == [
        (at, date(2025, 3, 30)),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("small", np.array([40_000]), "given.small.*40000"),
        ("middle", np.array([1.5]), "given.middle.*integers"),
        ("instant", [datetime(2025, 1, 1)], "given.instant.*time zone"),
        ("absent", np.array([1]), "no column 'absent'"),
    ],
)
def test_a_column_that_does_not_fit_is_named(column, values, said):
    with pytest.raises(ValueError, match=said):
        list(encode(Shape("given", KINDS, ()), {column: values}))


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="one length"):
        list(encode(Shape("given", KINDS, ()), {"middle": np.arange(2), "large": np.arange(3)}))
