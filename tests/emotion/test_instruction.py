from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest

from seke_pipeline.emotion.instruction import (
    QUESTIONS,
    complete_faces,
    image_path,
    image_path_column,
    records,
)
from seke_pipeline.emotion.labels import AU_FIELDS, FIELDS, grain_of
from seke_pipeline.emotion.tables import FEID, RECORDS, TASKS, VERDICTS

STILL = dict.fromkeys(AU_FIELDS, False)
SMILE: dict[str, Any] = {
    "expression": "happiness",
    "valence": 0.6,
    "arousal": 0.45,
    **STILL,
    "au06": True,
    "au12": True,
}
INFO = pl.DataFrame({"face_id": ["a", "b", "c"], "model": ["gpt"] * 3, "prompt_version": ["p1"] * 3})
FACES = pl.DataFrame(
    {
        "face_id": ["c", "b", "a"],
        "image_id": ["ic", "ib", "ia"],
        "subject": ["s3", None, "s1"],
        "path": ["c.png", "b.png", "a.png"],
        "licence": ["free"] * 3,
    }
)


def verdicts(face_id: str, human: tuple[str, ...] = (), rejected: tuple[str, ...] = (), **sure: float) -> pl.DataFrame:
    """A smiling face's 20 verdicts: who gave a field, which are rejected, how sure the VLLM is (default 0.97)."""
    rows = [
        {
            "face_id": face_id,
            "image_id": f"i{face_id}",
            "shard": "db-train-00000",
            "source": "db",
            "split": "train",
            "field": name,
            "grain": grain_of(name),
            "word": SMILE[name] if name == "expression" else None,
            "number": None if name == "expression" else float(SMILE[name]),
            "provenance": "human" if name in human else "vllm",
            "verdict": "anchored" if name in human else "rejected" if name in rejected else "accepted",
            "reason": "human_label" if name in human else "unstable" if name in rejected else "agreed",
            "samples": 4,
            "confidence": None if name in human or name in ("valence", "arousal") else sure.get(name, 0.97),
        }
        for name in FIELDS
    ]
    return VERDICTS.frame(rows)


def face(**changed: Any) -> pl.DataFrame:
    """One FEID row."""
    row = {"face_id": "a", "source": "db", "split": "train", "image": "db/a.jpg", **SMILE, **changed}
    return FEID.frame([row])


def test_a_complete_face():
    found = complete_faces(verdicts("a", human=("expression", "au12"), au25=0.955), FACES, INFO)
    assert found.schema == FEID.schema
    (row,) = found.rows(named=True)
    assert row == {
        "face_id": "a",
        "image_id": "ia",
        "source": "db",
        "split": "train",
        "subject": "s1",
        "image": "db/a.jpg",
        "path": "a.png",
        "licence": "free",
        **SMILE,
        "expression_from": "human",
        "valence_arousal_from": "vllm",
        "action_units_from": "mixed",
        "lowest_confidence": 0.955,
        "model": "gpt",
        "prompt_version": "p1",
    }


def test_a_face_with_a_rejected_or_absent_field_stays_out():
    table = pl.concat(
        [
            verdicts("c"),
            verdicts("a", rejected=("au26",)),
            verdicts("b").filter(pl.col("field") != "au26"),
        ]
    )
    assert complete_faces(table, FACES, INFO)["face_id"].to_list() == ["c"]


def test_a_face_that_humans_labelled_whole_names_no_model():
    found = complete_faces(verdicts("a", human=FIELDS), FACES, INFO)
    shown = found.select("action_units_from", "lowest_confidence", "model", "prompt_version")
    assert shown.rows() == [("human", None, None, None)]


def test_a_face_that_was_never_asked_is_kept():
    found = complete_faces(verdicts("a", human=FIELDS), FACES, INFO.clear())
    assert found.select("face_id", "model").rows() == [("a", None)]


def test_faces_come_sorted_whatever_the_order_of_the_verdicts():
    table = pl.concat([verdicts("c"), verdicts("a"), verdicts("b")]).sample(fraction=1, shuffle=True, seed=1)
    found = complete_faces(table, FACES, INFO)
    assert found.select("face_id", "subject").rows() == [("a", "s1"), ("b", None), ("c", "s3")]
    assert found.equals(complete_faces(table.reverse(), FACES, INFO))


def test_no_verdicts_no_faces_no_records():
    found = complete_faces(VERDICTS.frame([]), FACES, INFO)
    assert found.equals(FEID.frame([]))
    assert records(found).equals(RECORDS.frame([]))
    assert records(found).is_empty()


def answers(feid: pl.DataFrame) -> Mapping[str, str]:
    return dict(records(feid).select("task", "answer").iter_rows())


def test_answers_say_the_labels():
    assert answers(face()) == {
        "expression": "The expression is happiness.",
        "valence_arousal": "Valence is 0.6 and arousal is 0.45.",
        "action_units": "AU6 (cheek raiser), AU12 (lip corner puller).",
        "joint": (
            "The expression is happiness. Valence is 0.6 and arousal is 0.45. "
            "Active action units: AU6 (cheek raiser), AU12 (lip corner puller)."
        ),
    }


def test_a_neutral_face_without_action_units_has_sentences_too():
    assert answers(face(expression="neutral", valence=-0.0, arousal=0.00004, **STILL)) == {
        "expression": "The expression is neutral.",
        "valence_arousal": "Valence is 0.0 and arousal is 0.0.",
        "action_units": "None of these action units is active.",
        "joint": (
            "The expression is neutral. Valence is 0.0 and arousal is 0.0. None of these action units is active."
        ),
    }


def test_four_records_per_face_in_order():
    found = records(pl.concat([face(face_id="b"), face(face_id="a")]))
    assert found.schema == RECORDS.schema
    assert found["record_id"].to_list() == [f"{name}-{task}" for name in "ab" for task in TASKS]
    assert found.select("face_id", "source", "split", "image").unique(maintain_order=True).rows() == [
        ("a", "db", "train", "db/a.jpg"),
        ("b", "db", "train", "db/a.jpg"),
    ]


def test_wordings_vary_between_faces_and_never_between_runs():
    faces = pl.concat([face(face_id=f"{i:03d}") for i in range(60)])
    found = records(faces)
    for task in TASKS:
        asked = found.filter(task=task)["question"].to_list()
        assert set(asked) == set(QUESTIONS[task])
    first = found.filter(task="expression")["question"].head(8).to_list()
    assert [QUESTIONS["expression"].index(wording) for wording in first] == [0, 0, 0, 0, 0, 1, 0, 0]
    assert records(faces.reverse()).equals(found)


@pytest.mark.parametrize("task", TASKS)
def test_no_question_holds_an_image_token(task):
    assert len(QUESTIONS[task]) >= 3
    assert not [wording for wording in QUESTIONS[task] if "<image>" in wording]


def test_image_paths():
    assert image_path("db", "a") == "db/a.jpg"
    assert face().select(image_path_column()).to_series().to_list() == ["db/a.jpg"]
