import polars as pl
from polars.testing import assert_frame_equal

from seke_pipeline.demo import agreement
from seke_pipeline.demo.collection import TRUTH_SCHEMA
from seke_pipeline.demo.truth import AGREEMENT_SCHEMA
from seke_pipeline.emotion.labels import AUS, Labels
from seke_pipeline.emotion.tables import IMAGES, VERDICTS

IMAGE_ROWS = IMAGES.frame({"image_id": f"i{n}", "source": "rafdb", "path": f"{n}.jpg"} for n in range(4)).select(
    "image_id", "source", "path"
)
TRUTH = pl.DataFrame(
    [
        {"source": "rafdb", "path": f"{n}.jpg", **Labels(word, 0.5, -0.25, dict.fromkeys(AUS, True)).to_row()}
        for n, word in enumerate(("fear", "anger", "neutral"))
    ],
    schema=TRUTH_SCHEMA,
)


def verdict(image: int, field: str, value: str | float, outcome: str = "accepted", **changes: str) -> dict[str, object]:
    grain = {"expression": "expression", "valence": "valence_arousal"}.get(field, "action_units")
    word, number = (value, None) if isinstance(value, str) else (None, value)
    return {
        "face_id": f"f{image}", "image_id": f"i{image}", "source": "rafdb", "split": "train", "field": field,
        "grain": grain, "word": word, "number": number, "verdict": outcome, "provenance": "vllm", **changes,
    }  # fmt: skip


def test_the_vllms_values_are_compared_with_what_was_drawn() -> None:
    verdicts = VERDICTS.frame(
        [
            verdict(0, "expression", "fear"),
            verdict(1, "expression", "disgust"),
            verdict(2, "expression", "neutral", "rejected"),
            verdict(0, "valence", 0.7),
            verdict(1, "valence", 0.4),
            verdict(2, "valence", -0.5, "rejected"),
            verdict(0, "au12", 1.0),
            verdict(1, "au12", 0.0),
            verdict(2, "au12", 1.0),
            verdict(2, "au26", 0.0, provenance="human", verdict="anchored"),  # a human's: not compared
            verdict(3, "au12", 1.0),  # nothing was drawn there
        ]
    )
    wanted = pl.DataFrame(
        [
            ("expression", "expression", 2, 0.5, None, 1, 1.0, None),
            ("valence_arousal", "valence", 2, None, 0.15, 1, None, 1.0),
            ("action_units", "au12", 3, 2 / 3, None, 0, None, None),
        ],
        schema=AGREEMENT_SCHEMA,
        orient="row",
    )
    assert_frame_equal(agreement(verdicts, IMAGE_ROWS, TRUTH), wanted)


def test_pictures_with_several_faces_are_left_out() -> None:
    verdicts = VERDICTS.frame([verdict(0, "au12", 1.0), verdict(0, "au12", 0.0, face_id="other")])
    assert agreement(verdicts, IMAGE_ROWS, TRUTH).is_empty()


def test_nothing_to_compare_keeps_the_columns() -> None:
    assert agreement(VERDICTS.frame([]), IMAGE_ROWS, TRUTH).schema == AGREEMENT_SCHEMA
