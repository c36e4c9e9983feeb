from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
import pytest

from seke_pipeline.emotion.labels import EXPRESSIONS, FIELDS
from seke_pipeline.emotion.verification import (
    BLAME_SCHEMA,
    RULES,
    confidence_column,
    find_blamed,
    human_column,
)

TYPES = {"expression": pl.Enum(EXPRESSIONS), "valence": pl.Float64, "arousal": pl.Float64}


@dataclass(frozen=True)
class Face:
    """A face's standing values: what humans gave, what the VLLM proposes, and how sure the latter is."""

    face_id: str = "f"
    human: Mapping[str, object] = field(default_factory=dict)
    vllm: Mapping[str, object] = field(default_factory=dict)
    confidence: Mapping[str, float] = field(default_factory=dict)


def blamed(*faces: Face) -> list[tuple[str, str, str, bool]]:
    columns: dict[str, pl.Series] = {"face_id": pl.Series([face.face_id for face in faces], dtype=pl.String)}
    for name in FIELDS:
        values = [{**face.human, **face.vllm}.get(name) for face in faces]
        columns[name] = pl.Series(values, dtype=TYPES.get(name, pl.Boolean))
        columns[human_column(name)] = pl.Series([name in face.human for face in faces], dtype=pl.Boolean)
        sure = [face.confidence.get(name) for face in faces]
        columns[confidence_column(name)] = pl.Series(sure, dtype=pl.Float64)
    found = find_blamed(pl.DataFrame(columns))
    assert found.schema == BLAME_SCHEMA
    return found.rows()


GLAD, GLOOMY = {"valence": 0.7, "arousal": 0.4}, {"valence": -0.7, "arousal": -0.3}


def test_the_rules_come_from_the_knowledge():
    names = [rule.name for rule in RULES]
    assert names[0] == "expression_va"
    assert {"au12_in_sadness", "au15_in_happiness", "au24_with_au25"} <= set(names)
    assert "au12_with_au15" not in names  # antagonists may act at once: a soft pair
    assert not [name for name in names if name.endswith("_in_neutral")]
    assert len(set(names)) == len(names)


def test_a_sound_face_blames_nobody():
    assert blamed(Face(vllm={"expression": "happiness", **GLAD, "au12": True, "au15": False})) == []
    assert blamed() == []


def test_both_numbers_are_blamed_against_a_human_expression():
    assert blamed(Face(human={"expression": "happiness"}, vllm=GLOOMY)) == [
        ("f", "arousal", "expression_va", True),
        ("f", "valence", "expression_va", True),
    ]


def test_the_expression_is_blamed_against_human_numbers_however_sure_it_is():
    face = Face(human=GLOOMY, vllm={"expression": "happiness"}, confidence={"expression": 0.999})
    assert blamed(face) == [("f", "expression", "expression_va", True)]


def test_only_the_vllm_half_of_the_numbers_is_ever_blamed():
    half = {"valence": -0.7}
    rest = {"arousal": -0.3}
    assert blamed(Face(human={"expression": "happiness", **half}, vllm=rest)) == [
        ("f", "arousal", "expression_va", True)
    ]
    assert blamed(Face(human=half, vllm={"expression": "happiness", **rest})) == [
        ("f", "expression", "expression_va", True)
    ]


def test_human_labels_stand_even_when_they_contradict_each_other():
    assert blamed(Face(human={"expression": "sadness", **GLAD, "au12": True, "au24": True, "au25": True})) == []


@pytest.mark.parametrize(
    ("human", "vllm", "guilty"),
    [
        ({"expression": "sadness"}, {"au12": True}, "au12"),
        ({"au12": True}, {"expression": "sadness"}, "expression"),
    ],
)
def test_an_action_unit_against_an_expression(human, vllm, guilty):
    assert blamed(Face(human=human, vllm=vllm)) == [("f", guilty, "au12_in_sadness", True)]


@pytest.mark.parametrize(
    ("confidence", "guilty"),
    [
        ({"expression": 0.95, "au12": 0.97}, "expression"),
        ({"expression": 0.97, "au12": 0.95}, "au12"),
        ({"expression": 0.96, "au12": 0.96}, "au12"),
        ({}, "au12"),
    ],
)
def test_between_two_answers_the_less_sure_is_blamed_and_the_finer_in_a_tie(confidence, guilty):
    face = Face(vllm={"expression": "sadness", "au12": True}, confidence=confidence)
    assert blamed(face) == [("f", guilty, "au12_in_sadness", False)]


def test_numbers_have_no_confidence_and_yield_to_the_expression():
    face = Face(vllm={"expression": "happiness", **GLOOMY}, confidence={"expression": 0.96})
    assert blamed(face) == [("f", "arousal", "expression_va", False), ("f", "valence", "expression_va", False)]


@pytest.mark.parametrize(
    ("human", "confidence", "guilty", "against_human"),
    [
        ((), {"au24": 0.95, "au25": 0.97}, "au24", False),
        ((), {"au24": 0.95, "au25": 0.95}, "au25", False),
        (("au24",), {"au25": 0.99}, "au25", True),
        (("au25",), {"au24": 0.99}, "au24", True),
    ],
)
def test_exclusive_action_units(human, confidence, guilty, against_human):
    both = {"au24": True, "au25": True}
    face = Face(human={name: both.pop(name) for name in human}, vllm=both, confidence=confidence)
    assert blamed(face) == [("f", guilty, "au24_with_au25", against_human)]


def test_a_rejected_value_can_no_longer_blame_others():
    # the human AU12 rejects sadness, which then cannot reject AU2
    face = Face(
        human={"au12": True},
        vllm={"expression": "sadness", "au02": True},
        confidence={"expression": 0.99, "au02": 0.95},
    )
    assert blamed(face) == [("f", "expression", "au12_in_sadness", True)]


def test_humans_judge_before_answers_do():
    # AU24 falls to the human AU25, so AU24 against surprise is never tried; surprise stands
    face = Face(
        human={"au25": True},
        vllm={"expression": "surprise", "au24": True},
        confidence={"expression": 0.95, "au24": 0.99},
    )
    assert blamed(face) == [("f", "au24", "au24_with_au25", True)]


def test_unknown_values_break_nothing():
    assert blamed(Face(vllm={"expression": "happiness", "valence": -0.9})) == []
    assert blamed(Face(vllm={"au24": True, "au25": None, "expression": None})) == []


def test_faces_are_judged_apart_and_listed_in_order():
    found = blamed(
        Face("b", human={"expression": "sadness"}, vllm={"au12": True}),
        Face("c", vllm={"au12": True}),
        Face("a", human={"expression": "anger"}, vllm={"au12": True, "au01": True}),
    )
    assert found == [
        ("a", "au01", "au01_in_anger", True),
        ("a", "au12", "au12_in_anger", True),
        ("b", "au12", "au12_in_sadness", True),
    ]
