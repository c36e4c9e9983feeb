"""What becomes of every field of every face: anchored, accepted or rejected, with its reason.

A pure function of anchors, samples and settings, so thresholds can be tried again at no cost. The order of
the questions: did a human say it; were there enough answers; do they agree (`stopping.py`); does the value
stand beside the others (`verification.py`). What stays out: measures (`uncertainty.py`), rules
(`knowledge.py`).
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import polars as pl

from seke_pipeline.emotion.labels import EXPRESSIONS, FIELDS, Grain, grain_of
from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.emotion.stopping import au_stops, expression_stops, va_half_width, va_stops
from seke_pipeline.emotion.tables import VERDICTS
from seke_pipeline.emotion.uncertainty import (
    Counts,
    Flags,
    Floats,
    Spread,
    entropy_spread,
    leader_confidence,
    leading_counts,
    majority_confidence,
    moments,
    sd_spread,
)
from seke_pipeline.emotion.verification import confidence_column, find_blamed, human_column

_KEYS = ("face_id", "image_id", "shard", "source", "split")
_EXPRESSION = pl.Enum(EXPRESSIONS)
_LABEL_TYPES: dict[Grain, pl.DataType] = {
    "expression": _EXPRESSION,
    "valence_arousal": pl.Float64(),
    "action_units": pl.Boolean(),
}
_DECIMALS = 3
"""Of a mean valence or arousal: finer than any answer, coarse enough to read."""


def decide(anchors: pl.DataFrame, samples: pl.DataFrame, settings: MethodSettings) -> pl.DataFrame:
    """Give every field of every face its verdict.

    A field that no human labelled gets its answers' mode (expression; the first of `EXPRESSIONS` in a tie),
    mean (valence, arousal; rounded to 3 decimals) or majority (action unit; not active in a tie), also when
    it is rejected. It is accepted only by the thresholds on posterior and interval: that the leader could not
    be overtaken any more ends the asking, but makes nobody surer.

    Args:
        anchors: one row per face: face_id, image_id, shard, source, split and the 20 fields as humans gave
            them, null where they did not. A face without samples is rejected field by field.
        samples: SAMPLES rows in any order; those of other faces are ignored, faulty ones hold no values.
        settings: thresholds.

    Returns:
        The VERDICTS table, 20 rows per face, sorted by face and field.
    """
    faces = anchors.sort("face_id").select(
        *_KEYS, *(pl.col(name).cast(_LABEL_TYPES[grain_of(name)]) for name in FIELDS)
    )
    grid = _AnswerGrid.of(faces["face_id"], samples)
    faces = faces.with_columns(too_faulty=pl.Series(grid.fault_share > settings.max_fault_share))
    proposed = pl.concat(_field_rows(faces, name, _propose(name, grid, settings)) for name in FIELDS)
    judged = proposed.with_columns(reason=_reason_by_answers(settings))
    blamed = find_blamed(_standing(judged)).cast({"field": VERDICTS.schema["field"]})
    ruled = judged.join(blamed, on=["face_id", "field"], how="left").with_columns(_reason_by_rules())
    return VERDICTS.conform(ruled.with_columns(_provenance(), _verdict())).sort("face_id", "field")


@dataclass(frozen=True)
class _AnswerGrid:
    """The answers of many faces, laid out so that a field's answers are one array.

    Attributes:
        rows: face, arm, place (numbers from 0) and the 20 fields, one row per answer without a fault.
        shape: faces, arms, answers of one arm at most.
        fault_share: share of faulty answers of each face, 0 where nothing was asked; shape (faces).
    """

    rows: pl.DataFrame
    shape: tuple[int, int, int]
    fault_share: Floats

    @classmethod
    def of(cls, face_ids: pl.Series, samples: pl.DataFrame) -> Self:
        """Lay out the samples of these faces; an answer's place in its arm is of no account, so sums must be exact."""
        numbered = pl.DataFrame({"face_id": face_ids.cast(pl.String)}).with_row_index("face")
        rows = (
            samples.select("face_id", "arm", "fault", *FIELDS)
            .join(numbered, on="face_id")
            .with_columns(arm=pl.col("arm").rank("dense") - 1, place=pl.int_range(pl.len()).over("face", "arm"))
        )
        shape = tuple(_extent(rows[name]) for name in ("arm", "place"))
        asked = np.bincount(rows["face"], minlength=len(face_ids))
        usable = rows.filter(pl.col("fault").is_null())
        faulty = asked - np.bincount(usable["face"], minlength=len(face_ids))
        return cls(usable, (len(face_ids), shape[0], shape[1]), faulty / np.maximum(asked, 1))

    def values(self, field: str) -> Floats:
        """A field's answers as numbers (expression: index in `EXPRESSIONS`), NaN where missing."""
        column = self.rows[field].cast(_LABEL_TYPES[grain_of(field)])
        codes = column.to_physical() if field == "expression" else column
        grid = np.full(self.shape, np.nan)
        grid[tuple(self.rows[name].to_numpy() for name in ("face", "arm", "place"))] = codes.cast(pl.Float64)
        return grid

    def counts(self, field: str, classes: int) -> Counts:
        """How often each class was answered, shape (faces, arms, classes)."""
        values = self.values(field)
        return np.stack([(values == code).sum(axis=-1) for code in range(classes)], axis=-1)


class _Proposal(NamedTuple):
    """What the answers come to for one field of every face; shape (faces), NaN where nothing is known.

    `value` is the index of an expression, the mean, or 1 for an active action unit.
    """

    value: Floats
    answers: Counts
    confidence: Floats
    half_width: Floats
    spread: Spread
    agreed: Flags


def _propose(field: str, grid: _AnswerGrid, settings: MethodSettings) -> _Proposal:
    grain = grain_of(field)
    if grain == "expression":
        return _propose_expression(grid.counts(field, len(EXPRESSIONS)), settings)
    if grain == "valence_arousal":
        return _propose_number(grid.values(field), settings)
    return _propose_au(grid.counts(field, 2), settings)


def _propose_expression(counts: Counts, settings: MethodSettings) -> _Proposal:
    pooled = counts.sum(axis=1)
    answers, leading = pooled.sum(axis=-1), leading_counts(pooled)
    agreed = expression_stops(pooled, 0, settings)
    confidence = _where_any(answers, leader_confidence(*leading))
    mode = _where_any(answers, pooled.argmax(axis=-1))
    return _Proposal(mode, answers, confidence, _unknown(answers), entropy_spread(counts), agreed)


def _propose_number(values: Floats, settings: MethodSettings) -> _Proposal:
    answers, mean, squares = moments(values.reshape(len(values), values.shape[1] * values.shape[2]))
    mean = np.round(mean, _DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0
    width = va_half_width(answers, squares, settings)
    agreed = va_stops(answers, squares, settings)
    return _Proposal(mean, answers, _unknown(answers), width, sd_spread(values), agreed)


def _propose_au(counts: Counts, settings: MethodSettings) -> _Proposal:
    pooled = counts.sum(axis=1)
    active, answers = pooled[:, 1], pooled.sum(axis=-1)
    majority = _where_any(answers, 2 * active > answers)
    confidence = _where_any(answers, majority_confidence(active, answers))
    agreed = au_stops(active, answers, settings)
    return _Proposal(majority, answers, confidence, _unknown(answers), entropy_spread(counts), agreed)


def _field_rows(faces: pl.DataFrame, field: str, proposal: _Proposal) -> pl.DataFrame:
    """One row per face for one field: the human's value where there is one, else what the answers propose."""
    measures = pl.DataFrame(
        {
            "proposal": proposal.value,
            "samples": proposal.answers,
            "confidence": proposal.confidence,
            "half_width": proposal.half_width,
            "predictive": proposal.spread.total,
            "epistemic": proposal.spread.between,
            "aleatoric": proposal.spread.within,
        }
    ).with_columns(pl.selectors.float().fill_nan(None))
    anchor, human = pl.col(field), pl.col(field).is_not_null()
    if field == "expression":
        word = pl.coalesce(anchor, pl.col("proposal").cast(pl.UInt8).cat.to(_EXPRESSION))
        number = pl.lit(None, pl.Float64)
    else:
        word = pl.lit(None, _EXPRESSION)
        number = pl.coalesce(anchor.cast(pl.Float64), "proposal")
    return pl.concat([faces, measures], how="horizontal").select(
        *_KEYS,
        "too_faulty",
        field=pl.lit(field, VERDICTS.schema["field"]),
        grain=pl.lit(grain_of(field)),
        human=human,
        agreed=pl.Series(proposal.agreed),
        word=word,
        number=number,
        samples=pl.when(human).then(0).otherwise("samples"),
        **{name: pl.when(~human).then(name) for name in measures.columns[2:]},
    )


def _reason_by_answers(settings: MethodSettings) -> pl.Expr:
    """The reason as far as humans and the answers to the field itself decide it."""
    too_few = (pl.col("samples") < settings.min_answers) | pl.col("too_faulty")
    return (
        pl.when("human")
        .then(pl.lit("human_label"))
        .when(too_few)
        .then(pl.lit("too_few_answers"))
        .when(~pl.col("agreed"))
        .then(pl.lit("unstable"))
        .otherwise(pl.lit("agreed"))
    )


def _standing(judged: pl.DataFrame) -> pl.DataFrame:
    """The wide frame that `find_blamed` reads: the values that stand so far."""
    stands = pl.col("reason").is_in(["human_label", "agreed"])
    wide = judged.filter(field=FIELDS[0]).select("face_id")
    for name in FIELDS:
        value = {"expression": pl.col("word"), "action_units": pl.col("number") == 1.0}.get(
            grain_of(name), pl.col("number")
        )
        columns = judged.filter(field=name).select(
            pl.when(stands).then(value).alias(name),
            pl.col("human").alias(human_column(name)),
            pl.col("confidence").alias(confidence_column(name)),
        )
        wide = pl.concat([wide, columns], how="horizontal")
    return wide


def _reason_by_rules() -> pl.Expr:
    against = pl.when("against_human").then(pl.lit("contradicts_human")).otherwise(pl.lit("contradicts_answer"))
    return pl.when(pl.col("rule").is_null()).then("reason").otherwise(against).alias("reason")


def _provenance() -> pl.Expr:
    answered = pl.when(pl.col("samples") > 0).then(pl.lit("vllm")).otherwise(pl.lit("none"))
    return pl.when("human").then(pl.lit("human")).otherwise(answered).alias("provenance")


def _verdict() -> pl.Expr:
    words = {"human_label": "anchored", "agreed": "accepted"}
    return pl.col("reason").replace_strict(words, default="rejected", return_dtype=pl.String).alias("verdict")


def _where_any(answers: Counts, values: Floats | Counts | Flags) -> Floats:
    return np.where(answers > 0, values, np.nan)


def _unknown(answers: Counts) -> Floats:
    return np.full(answers.shape, np.nan)


def _extent(numbers: pl.Series) -> int:
    """One more than the largest number, 0 for none."""
    return 0 if numbers.is_empty() else int(numbers.max()) + 1  # type: ignore[arg-type]
