"""The knowledge is the one of domain.md 2.7 and 2.8, and floats and columns read it alike."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seke_pipeline.emotion.knowledge import (
    AU_DEFINITIONS,
    AU_PRIORS,
    EXCLUSIVE_PAIRS,
    VA_MEANS,
    VA_REGIONS,
    aus_of,
    contradicted_aus,
    knowledge_table,
    likely_aus,
    va_contradiction,
    va_contradicts,
)
from seke_pipeline.emotion.labels import AU_NAMES, AUS, EXPRESSIONS

PRESSED = "lips pressed together are not parted"

EXPRESSION_AUS = {
    "neutral": ((), (), ()),
    "happiness": ((12, 25, 6, 7), (10, 26), (4, 9, 15, 17, 20)),
    "sadness": ((4, 15, 1, 6, 7, 17), (), (2, 12, 26)),
    "surprise": ((1, 2, 25, 26, 5), (), (4, 6, 7, 15, 17, 23, 24)),
    "fear": ((1, 4, 20, 25, 2, 5, 7), (23, 26), (6, 12, 14, 15, 17)),
    "disgust": ((9, 10, 17), (4, 6, 7, 24, 25), (1, 2, 5, 12)),
    "anger": ((4, 7, 17, 23, 24), (5, 10, 25), (1, 2, 6, 12)),
    "contempt": ((14, 12), (10, 17, 24), (1, 4, 5, 20)),
}


def test_the_au_table_is_that_of_the_domain_page():
    read = {word: (likely_aus(word), aus_of(word, "occasional"), contradicted_aus(word)) for word in EXPRESSIONS}
    assert read == EXPRESSION_AUS


def test_an_au_goes_with_an_expression_in_one_way_only():
    pairs = [(prior.expression, prior.au) for prior in AU_PRIORS]
    assert len(set(pairs)) == len(pairs) == 79
    assert {au for _, au in pairs} == set(AUS)


def test_only_pressed_against_parted_lips_is_a_hard_exclusion():
    hardness = {(pair.first, pair.second): pair.hard for pair in EXCLUSIVE_PAIRS}
    assert hardness == {(24, 25): True, (12, 15): False, (20, 23): False, (20, 24): False}
    assert {pair.certainty for pair in EXCLUSIVE_PAIRS} == {"remembered"}


def test_no_expression_expects_a_hard_pair_together():
    hard = [(pair.first, pair.second) for pair in EXCLUSIVE_PAIRS if pair.hard]
    assert [(word, pair) for word in EXPRESSIONS for pair in hard if set(pair) <= set(likely_aus(word))] == []


@pytest.mark.parametrize(
    ("expression", "valence", "arousal", "contradicted"),
    [
        ("neutral", 0.1, 0.1, False),
        ("neutral", 0.2, 0.0, True),
        ("neutral", -0.1, 0.3, True),
        ("happiness", 0.5, -0.3, False),
        ("happiness", -0.01, 0.9, True),
        ("happiness", 0.1, 0.1, True),
        ("sadness", -0.5, 0.2, False),
        ("sadness", 0.0, -0.5, True),
        ("surprise", 0.5, 0.5, False),
        ("surprise", -0.5, 0.5, False),
        ("surprise", 0.5, 0.0, True),
        ("fear", 0.0, 0.6, False),
        ("fear", -0.6, 0.0, False),
        ("fear", 0.1, 0.6, True),
        ("fear", -0.6, -0.1, True),
        ("disgust", -0.31, 0.0, False),
        ("disgust", -0.25, 0.0, True),
        ("anger", -0.5, 0.5, False),
        ("anger", -0.5, -0.1, True),
        ("contempt", -0.25, 0.0, False),
        ("contempt", 0.4, 0.1, True),
        ("happiness", None, 0.5, False),
        ("happiness", -0.5, None, False),
        ("happiness", math.nan, 0.5, False),
        (None, -0.5, 0.5, False),
    ],
)
def test_emonets_rule(expression, valence, arousal, contradicted):
    assert va_contradicts(expression, valence, arousal) is contradicted


_COORDINATE = st.none() | st.floats(-1, 1) | st.sampled_from([0.0, -0.0, 0.2, -0.3, 0.12, 0.16, math.nan])


@given(st.lists(st.tuples(st.none() | st.sampled_from(EXPRESSIONS), _COORDINATE, _COORDINATE), min_size=1))
def test_columns_are_judged_as_floats_are(points):
    frame = pl.DataFrame(
        points,
        schema={"word": pl.Enum(EXPRESSIONS), "valence": pl.Float64, "arousal": pl.Float64},
        orient="row",
    )
    judged = frame.select(out=va_contradiction(pl.col("word"), pl.col("valence"), pl.col("arousal")))
    assert judged["out"].to_list() == [va_contradicts(*point) for point in points]


def test_a_column_without_any_value_contradicts_nothing():
    frame = pl.DataFrame({"word": ["anger", "fear"], "valence": [None, None], "arousal": [0.1, -0.9]})
    judged = frame.select(out=va_contradiction(pl.col("word"), pl.col("valence"), pl.col("arousal")))
    assert judged["out"].to_list() == [False, False]


def test_every_mean_lies_in_its_own_region():
    assert [m.expression for m in VA_MEANS] == [r.expression for r in VA_REGIONS] == list(EXPRESSIONS)
    assert [m.expression for m in VA_MEANS if va_contradicts(m.expression, m.valence, m.arousal)] == []
    assert [m.expression for m in VA_MEANS if m.certainty == "unverified"] == ["contempt"]


def test_every_au_is_defined():
    assert tuple(AU_DEFINITIONS) == tuple(AU_NAMES)
    assert (AU_DEFINITIONS[1], AU_DEFINITIONS[14], AU_DEFINITIONS[26]) == (
        "raise inner eyebrow",
        "tighten lip corner",
        "drop jaw",
    )


def test_the_table_lists_every_fact_with_its_source():
    table = knowledge_table()
    counts = dict(table.group_by(pl.col("kind").cast(pl.String)).len().sort("kind").iter_rows())
    assert counts == {"au_definition": 17, "au_prior": 80, "exclusive_pair": 4, "va_mean": 8, "va_region": 8}
    assert table.filter((pl.col("source") == "") | (pl.col("statement") == "")).is_empty()
    assert table.null_count().select("kind", "statement", "rejects", "source", "certainty").row(0) == (0,) * 5


def test_a_few_rows_of_the_table_in_full():
    table = knowledge_table().drop("source")
    wanted = pl.DataFrame(
        [
            ("au_prior", "anger", 4, None, "AU4 (brow lowerer) is primary in anger", False, "inferred"),
            ("au_prior", "anger", 6, None, "AU6 (cheek raiser) is contradicted in anger", True, "inferred"),
            ("exclusive_pair", None, 24, 25, f"AU24 and AU25: {PRESSED}", True, "remembered"),
            ("au_definition", None, 26, None, "AU26 (jaw drop): drop jaw", False, "read"),
            ("va_region", "neutral", None, None, "neutral: distance from (0, 0) < 0.2", True, "read"),
            ("va_mean", "contempt", None, None, "contempt: valence -0.55, arousal 0.15", False, "unverified"),
        ],
        schema=table.schema,
        orient="row",
    )  # fmt: skip
    assert wanted.join(table, on=table.columns, how="anti", nulls_equal=True).is_empty()


def test_what_rejects_is_contradiction_hard_exclusion_and_region():
    rejecting = knowledge_table().filter("rejects").group_by(pl.col("kind").cast(pl.String)).len()
    assert dict(rejecting.iter_rows()) == {"au_prior": 32, "exclusive_pair": 1, "va_region": 8}
