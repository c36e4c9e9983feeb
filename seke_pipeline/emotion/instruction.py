"""FEID: complete faces, and the questions and answers that teach a VLLM to read them.

Answers are composed from the verified labels and nothing else, so no text can contradict a label; questions
vary in wording, chosen by a stable hash of face and task. Add a wording to `QUESTIONS`.
What stays out: which values are good enough (`verdict.py`), and the formats that trainers read (`exports/`).
"""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from seke_pipeline.emotion.labels import AU_NAMES, EXPRESSIONS, FIELDS, GRAINS, Grain, au_field, fields_of
from seke_pipeline.emotion.tables import FEID, RECORDS, TASKS

_CLASSES = ", ".join(EXPRESSIONS[:-1]) + " or " + EXPRESSIONS[-1]
_UNITS = ", ".join(f"AU{number}" for number in AU_NAMES)

QUESTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "expression": (
            f"Which expression does this face show: {_CLASSES}?",
            f"Name the facial expression. Choose one of {_CLASSES}.",
            f"What emotion is visible on this face? The options are {_CLASSES}.",
            f"Classify the expression of the person in the picture as {_CLASSES}.",
        ),
        "valence_arousal": (
            "Estimate the valence and arousal of this face, each from -1 to 1.",
            "How pleasant and how excited does this person look? Give valence and arousal between -1 and 1.",
            "Where does this face lie in the valence-arousal plane? Both axes run from -1 to 1.",
            "Rate this expression on valence (-1 unpleasant, 1 pleasant) and arousal (-1 calm, 1 excited).",
        ),
        "action_units": (
            f"Which of these facial action units are active: {_UNITS}?",
            f"List the active FACS action units of this face. Consider {_UNITS}.",
            f"Which facial muscles move here? Answer with action units out of {_UNITS}.",
            f"Code this face in FACS, limited to {_UNITS}.",
        ),
        "joint": (
            f"Describe the emotion of this face: its expression ({_CLASSES}), its valence and arousal from "
            f"-1 to 1, and its active action units ({_UNITS}).",
            f"Give a complete reading of this face. Expression: one of {_CLASSES}. Valence and arousal: "
            f"-1 to 1. Action units: any of {_UNITS}.",
            "Which expression, which valence and arousal (-1 to 1) and which active action units does this "
            f"face show? Choose the expression from {_CLASSES}, the action units from {_UNITS}.",
        ),
    }
)
"""Task → the wordings of its question. Each names the options, so that an answer can be judged."""

_NO_UNIT = "None of these action units is active."
_DECIMALS = 3


def image_path(source: str, face_id: str) -> str:
    """Path of a face's crop relative to the export's image folder."""
    return f"{source}/{face_id}.jpg"


def image_path_column() -> pl.Expr:
    """`image_path` of the columns `source` and `face_id`."""
    return pl.format("{}/{}.jpg", "source", "face_id")


def complete_faces(verdicts: pl.DataFrame, faces: pl.DataFrame, samples_info: pl.DataFrame) -> pl.DataFrame:
    """The FEID table: the faces whose 20 fields are all anchored or accepted.

    Args:
        verdicts: VERDICTS rows.
        faces: face_id, subject, path and licence of each face; further columns are ignored.
        samples_info: face_id, model and prompt_version, one row per face that was asked.

    Returns:
        One row per complete face, sorted by face.
    """
    good = verdicts.filter(pl.col("verdict") != "rejected")
    wide = (
        good.group_by("face_id")
        .agg(
            pl.len().alias("fields"),
            pl.col("image_id", "source", "split").first(),
            *(_value(name) for name in FIELDS),
            *(_origin(grain) for grain in GRAINS),
            pl.col("confidence").filter(pl.col("provenance") == "vllm").min().alias("lowest_confidence"),
            pl.col("provenance").eq("vllm").any().alias("was_asked"),
        )
        .filter(pl.col("fields") == len(FIELDS))
        .with_columns(image=image_path_column())
    )
    whence = faces.select("face_id", "subject", "path", "licence")
    asked = samples_info.select("face_id", "model", "prompt_version", was_asked=pl.lit(True))
    joined = wide.join(whence, on="face_id", how="left", validate="1:1").join(
        asked, on=["face_id", "was_asked"], how="left", validate="1:1"
    )
    return FEID.conform(joined).sort("face_id")


def records(feid: pl.DataFrame) -> pl.DataFrame:
    """The RECORDS table: one instruction record per face and grain, and one that joins the three.

    Args:
        feid: FEID rows.

    Returns:
        Four rows per face, sorted by face, then in the order of `TASKS`. No text holds an image token; an
        export adds its own.
    """
    answered = feid.sort("face_id").select(
        "face_id", "source", "split", "image", _expression_text(), _va_text(), _au_text()
    )
    units = pl.col("action_units")
    listed = pl.when(units == _NO_UNIT).then(units).otherwise(pl.format("Active action units: {}", units))
    joint = pl.format("{} {} {}", "expression", "valence_arousal", listed)
    rows = answered.with_columns(joint=joint).unpivot(
        TASKS, index=["face_id", "source", "split", "image"], variable_name="task", value_name="answer"
    )
    asked = [_question(face, task) for face, task in rows.select("face_id", "task").iter_rows()]
    named = rows.with_columns(pl.Series("question", asked, pl.String), record_id=pl.format("{}-{}", "face_id", "task"))
    return RECORDS.conform(named).sort("face_id", "task")


def _value(field: str) -> pl.Expr:
    """A field's value as its label column has it, out of a face's verdict rows."""
    if field == "expression":
        return pl.col("word").filter(pl.col("field") == field).first().alias(field)
    number = pl.col("number").filter(pl.col("field") == field).first()
    return (number if field in fields_of("valence_arousal") else number == 1.0).alias(field)


def _origin(grain: Grain) -> pl.Expr:
    """Who gave a grain, out of a face's verdict rows."""
    whose = pl.col("provenance").filter(pl.col("grain") == grain).cast(pl.String)
    mixed = pl.when(whose.n_unique() > 1).then(pl.lit("mixed"))
    return mixed.otherwise(whose.first()).alias(f"{grain}_from")


def _question(face_id: str, task: str) -> str:
    wordings = QUESTIONS[task]
    digest = hashlib.sha256(f"{face_id}\n{task}".encode()).digest()
    return wordings[int.from_bytes(digest[:8]) % len(wordings)]


def _expression_text() -> pl.Expr:
    return pl.format("The expression is {}.", pl.col("expression").cast(pl.String)).alias("expression")


def _va_text() -> pl.Expr:
    numbers = ((pl.col(name).round(_DECIMALS) + 0.0).cast(pl.String) for name in ("valence", "arousal"))
    return pl.format("Valence is {} and arousal is {}.", *numbers).alias("valence_arousal")


def _au_text() -> pl.Expr:
    units = [
        pl.when(pl.col(au_field(number))).then(pl.lit(f"AU{number} ({name})")) for number, name in AU_NAMES.items()
    ]
    listed = pl.concat_list(units).list.drop_nulls().list.join(", ")
    sentence = pl.when(listed == "").then(pl.lit(_NO_UNIT)).otherwise(listed + ".")
    return sentence.alias("action_units")
