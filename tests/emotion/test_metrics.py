import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seke_pipeline.emotion.metrics import score
from seke_pipeline.emotion.tables import FEAB, FEAB_ANSWERS, FEAB_SCORES

quick = settings(deadline=None, max_examples=15, derandomize=True, database=None)


def feab(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Items f0, f1 …: of one source and without subjects unless a row says otherwise."""
    return FEAB.frame({"face_id": f"f{i}", "image_id": f"i{i}", "source": "db", **row} for i, row in enumerate(rows))


def said(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The model's answers to f0, f1 …"""
    return FEAB_ANSWERS.frame({"model": "m", "face_id": f"f{i}", **row} for i, row in enumerate(rows))


def column(name: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


def scores(
    truth: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]], source: str = "db"
) -> dict[tuple[str, str], tuple[float | None, int, int]]:
    """(field, metric) → value, items, unreadable."""
    found = score(feab(truth), said(answers), resamples=0, seed=0).filter(source=source)
    return {
        (row["field"], row["metric"]): (row["value"], row["items"], row["unreadable"])
        for row in found.iter_rows(named=True)
    }


def close(value: float, items: int, unreadable: int = 0) -> tuple[Any, int, int]:
    return pytest.approx(value, abs=1e-9), items, unreadable


def test_expression():
    truth = column("expression", ["anger", "anger", "anger", "fear", "sadness", None])
    answers = column("expression", ["anger", "anger", "fear", "fear", "happiness", "anger"])
    assert scores(truth, answers) == {
        ("expression", "accuracy"): close(3 / 5, 5),
        ("expression", "uar"): close((2 / 3 + 1 + 0) / 3, 5),
        # F1: anger 2·2/(3+2), fear 2·1/(1+2), sadness 0; happiness is nobody's truth
        ("expression", "macro_f1"): close((4 / 5 + 2 / 3 + 0) / 3, 5),
    }


def test_an_unreadable_expression_is_wrong_in_every_metric():
    truth = column("expression", ["anger", "anger", "fear"])
    answers = [{"expression": "anger"}, {"fault": "refused"}, {}]
    assert scores(truth, answers) == {
        ("expression", "accuracy"): close(1 / 3, 3, 2),
        ("expression", "uar"): close((1 / 2 + 0) / 2, 3, 2),
        ("expression", "macro_f1"): close((2 / 3 + 0) / 2, 3, 2),
    }


def test_a_face_without_an_answer_row_and_a_fault_with_values_are_unreadable():
    truth = column("expression", ["anger", "anger", "anger"])
    answers = [{"expression": "anger"}, {"expression": "anger", "fault": "length"}]
    assert scores(truth, answers)["expression", "accuracy"] == close(1 / 3, 3, 2)


def test_valence():
    truth = column("valence", [-0.5, 0.0, 0.5, 0.8])
    answers = column("valence", [-0.3, 0.1, 0.3, 0.9])
    # means 0.2, 0.25; variances 0.245, 0.1875; covariance 0.205
    assert scores(truth, answers) == {
        ("valence", "ccc"): close(0.41 / (0.245 + 0.1875 + 0.0025), 4),
        ("valence", "pcc"): close(0.205 / math.sqrt(0.245 * 0.1875), 4),
        ("valence", "rmse"): close(math.sqrt((0.04 + 0.01 + 0.04 + 0.01) / 4), 4),
        ("valence", "sagr"): close(3 / 4, 4),  # 0.0 and 0.1 do not have the same sign
    }


def test_an_unreadable_number_is_a_wrong_sign_and_is_left_out_of_the_rest():
    truth = column("arousal", [-0.5, 0.0, 0.5, 0.8, 0.7])
    answers = [*column("arousal", [-0.3, 0.1, 0.3, 0.9]), {"fault": "malformed"}]
    found = scores(truth, answers)
    assert found["arousal", "ccc"] == close(0.41 / 0.435, 5, 1)
    assert found["arousal", "rmse"] == close(math.sqrt(0.025), 5, 1)
    assert found["arousal", "sagr"] == close(3 / 5, 5, 1)


@pytest.mark.parametrize(
    ("truth", "answers", "ccc", "pcc"),
    [
        ([0.1, 0.1, 0.1], [0.1, 0.1, 0.1], None, None),  # nothing varies and nothing differs
        ([0.1, 0.1, 0.1], [0.2, 0.2, 0.2], 0.0, None),
        ([0.1, 0.4, 0.7], [0.4, 0.4, 0.4], 0.0, None),
        ([0.5], [0.4], None, None),
        ([-0.5, 0.5], [0.5, -0.5], -1.0, -1.0),
    ],
)
def test_correlations_where_little_varies(truth, answers, ccc, pcc):
    found = scores(column("valence", truth), column("valence", answers))
    assert found["valence", "ccc"][0] == (None if ccc is None else pytest.approx(ccc))
    assert found["valence", "pcc"][0] == (None if pcc is None else pytest.approx(pcc))


def test_nothing_readable_leaves_only_the_sign():
    found = scores(column("valence", [0.5, -0.5]), [{}, {}])
    assert found == {
        ("valence", "ccc"): (None, 2, 2),
        ("valence", "pcc"): (None, 2, 2),
        ("valence", "rmse"): (None, 2, 2),
        ("valence", "sagr"): (0.0, 2, 2),
    }


def test_action_units_are_masked_one_by_one():
    truth = [
        {"au01": True, "au12": True},
        {"au01": True, "au12": None},
        {"au01": False, "au12": None},
        {"au01": False, "au12": False},
    ]
    answers = [
        {"au01": True, "au12": False},
        {"au01": False, "au12": True},
        {"au01": True, "au12": True},
        {"au01": False, "au12": False},
    ]
    assert scores(truth, answers) == {
        ("au01", "f1"): close(2 / (2 + 1 + 1), 4),
        ("au01", "base_rate"): close(1 / 2, 4),
        ("au12", "f1"): close(0.0, 2),
        ("au12", "base_rate"): close(1 / 2, 2),
        ("action_units", "f1"): close(1 / 4, 4),
        ("action_units", "base_rate"): close(1 / 2, 4),
    }


def test_an_unreadable_action_unit_is_the_wrong_bit():
    truth = column("au12", [True, True, False])
    found = scores(truth, [{"au12": True}, {"fault": "refused"}, {}])
    assert found["au12", "f1"] == close(2 / (2 + 1 + 1), 3, 2)
    assert found["au12", "base_rate"] == close(2 / 3, 3, 2)


def test_an_f1_of_nothing_is_unknown_and_not_in_the_mean():
    truth = [{"au01": True, "au12": False}] * 2
    found = scores(truth, [{"au01": True, "au12": False}] * 2)
    assert found["au12", "f1"] == (None, 2, 0)
    assert found["action_units", "f1"] == close(1.0, 2)


def test_each_source_and_all_of_them():
    truth = [
        {"source": "bp4d", "au12": True},
        {"source": "rafdb", "expression": "fear"},
        {"source": "rafdb", "expression": "fear"},
        {"source": "affectnet", "expression": "fear"},
    ]
    answers = [{"au12": True}, {"expression": "fear"}, {"expression": "anger"}, {"expression": "fear"}]
    found = score(feab(truth), said(answers), resamples=0, seed=0)
    assert found.schema == FEAB_SCORES.schema
    assert found["model"].unique().to_list() == ["m"]
    shown = found.filter(pl.col("metric").is_in(["accuracy", "f1"])).select("source", "field", "value", "items")
    assert shown.rows() == [
        ("affectnet", "expression", 1.0, 1),
        ("bp4d", "au12", 1.0, 1),
        ("bp4d", "action_units", 1.0, 1),
        ("rafdb", "expression", 0.5, 2),
        ("all", "expression", 2 / 3, 3),
        ("all", "au12", 1.0, 1),
        ("all", "action_units", 1.0, 1),
    ]


def interval(truth: pl.DataFrame, answers: pl.DataFrame, seed: int = 0) -> tuple[float | None, float | None]:
    found = score(truth, answers, resamples=2000, seed=seed).filter(source="all", metric="accuracy")
    return found.select("low", "high").row(0)


HALF_RIGHT = [{"expression": "fear"}] * 20 + [{"expression": "anger"}] * 20


def test_the_interval_of_single_images_is_the_binomial_one():
    low, high = interval(feab(column("expression", ["fear"] * 40)), said(HALF_RIGHT))
    # binomial(40, 1/2): the 2.5 % and 97.5 % quantiles are 14 and 26
    assert low == pytest.approx(14 / 40, abs=1 / 40)
    assert high == pytest.approx(26 / 40, abs=1 / 40)


def test_whole_subjects_are_drawn():
    # two people, one always right and one never: their images tell nothing more
    people = [{"expression": "fear", "subject": "ann" if i < 20 else "bob"} for i in range(40)]
    assert interval(feab(people), said(HALF_RIGHT)) == (0.0, 1.0)


def test_the_same_name_in_two_sources_is_two_people():
    rows = [{"expression": "fear", "subject": "s1", "source": "a" if i < 20 else "b"} for i in range(40)]
    assert interval(feab(rows), said(HALF_RIGHT)) == (0.0, 1.0)


def test_one_subject_has_no_interval():
    rows = [{"expression": "fear", "subject": "ann"}] * 40
    assert interval(feab(rows), said(HALF_RIGHT)) == (None, None)
    assert interval(feab(rows[:1]), said(HALF_RIGHT[:1])) == (None, None)


def test_a_field_known_of_one_subject_has_no_interval():
    truth = [{"subject": "ann", "au01": True, "au12": True}, {"subject": "bob", "au01": True}]
    found = score(feab(truth), said([{"au01": True, "au12": True}] * 2), resamples=50, seed=0)
    lows = dict(found.filter(source="db", metric="f1").select("field", "low").iter_rows())
    assert lows == {"au01": 1.0, "au12": None, "action_units": 1.0}


def test_no_resamples_no_interval():
    found = score(feab(column("expression", ["fear"] * 40)), said(HALF_RIGHT), resamples=0, seed=0)
    assert found.select("low", "high").unique().rows() == [(None, None)]


def test_the_seed_decides_the_interval():
    truth, answers = feab(column("expression", ["fear"] * 40)), said(HALF_RIGHT[::3] + HALF_RIGHT[::2])
    first = score(truth, answers, resamples=30, seed=1)
    assert first.equals(score(truth, answers, resamples=30, seed=1))
    assert not first.equals(score(truth, answers, resamples=30, seed=2))


def test_answers_of_one_model_are_required():
    truth = feab(column("expression", ["fear"]))
    two = pl.concat([said([{"expression": "fear"}]), said([{"expression": "fear", "model": "n"}])])
    for answers in (two, said([])):
        with pytest.raises(ValueError, match="one model"):
            score(truth, answers, resamples=0, seed=0)


def test_no_items_no_scores():
    assert score(feab([]), said([]), resamples=10, seed=0).equals(FEAB_SCORES.frame([]))


some_values = st.fixed_dictionaries(
    {},
    optional={
        "expression": st.sampled_from(["fear", "anger", "neutral"]),
        "valence": st.floats(-1, 1),
        "arousal": st.sampled_from([0.0, 0.5]),
        "au01": st.booleans(),
        "au12": st.booleans(),
        "subject": st.sampled_from(["ann", "bob"]),
    },
)


@given(st.lists(st.tuples(some_values, some_values), min_size=1, max_size=8), st.integers(0, 100))
@quick
def test_the_order_of_rows_does_not_matter_and_scores_keep_their_bounds(pairs, seed):
    truth = feab([known for known, _ in pairs])
    answers = said([{k: v for k, v in guess.items() if k != "subject"} for _, guess in pairs])
    found = score(truth, answers, resamples=20, seed=0)
    shuffled = truth.sample(fraction=1, shuffle=True, seed=seed)
    assert found.equals(score(shuffled, answers.reverse(), resamples=20, seed=0))
    bounded = found.filter(pl.col("metric") != "rmse")["value"].drop_nulls()
    assert bounded.is_between(-1 - 1e-9, 1 + 1e-9).all()
    assert (found["unreadable"] <= found["items"]).all()
