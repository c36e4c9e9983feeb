"""How right the annotator's labels are on drawn faces, whose truth is known.

This measures the machinery on a demonstration. For real faces the truth is not known: there the audit speaks
(method.md 5).
"""

import polars as pl

from seke_pipeline.emotion.labels import AU_FIELDS, EXPRESSIONS, FIELDS, GRAINS
from seke_pipeline.emotion.tables import VERDICTS

AGREEMENT_SCHEMA = pl.Schema(
    {
        "grain": pl.Enum(GRAINS),
        "field": pl.Enum(FIELDS),
        "compared": pl.Int64(),
        "agreed": pl.Float64(),
        "mean_abs_error": pl.Float64(),
        "rejected": pl.Int64(),
        "rejected_agreed": pl.Float64(),
        "rejected_mean_abs_error": pl.Float64(),
    }
)
"""One row per field: accepted values compared, their share that is true (expression, AUs) or their mean distance from
the truth (valence, arousal); then the same of the values that were rejected."""


def agreement(verdicts: pl.DataFrame, images: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """Compare the VLLM's values with the truth.

    Human values are left out: they are the truth's own. So are images with several faces among the verdicts, for the
    truth speaks of one.

    Args:
        verdicts: the VERDICTS table.
        images: image_id, source, path.
        truth: `truth.parquet` of the drawn collection: source, path and the 20 label columns.

    Returns:
        `AGREEMENT_SCHEMA`: a row for each field that the VLLM gave some drawn face, in `FIELDS` order.
    """
    located = images.select("image_id", pl.col("source").cast(pl.String), pl.col("path").cast(pl.String))
    alone = pl.col("face_id").n_unique().over("image_id") == 1
    values = (
        verdicts.filter(alone)
        .filter(pl.col("provenance").cast(pl.String) == "vllm")
        .select("image_id", "grain", "field", "verdict", "word", "number")
        .join(located, on="image_id")
        .join(_long(truth), on=["source", "path", "field"])
    )
    accepted = pl.col("verdict").cast(pl.String) == "accepted"
    right = (pl.col("word").cast(pl.String) == pl.col("true_word")).fill_null(pl.col("number") == pl.col("true_number"))
    error = (pl.col("number") - pl.col("true_number")).abs()
    on_axis = pl.col("grain").cast(pl.String) == "valence_arousal"
    told = values.with_columns(right=pl.when(~on_axis).then(right.cast(pl.Float64)), error=pl.when(on_axis).then(error))
    return (
        told.group_by("grain", "field")
        .agg(
            compared=accepted.sum().cast(pl.Int64),
            agreed=pl.col("right").filter(accepted).mean(),
            mean_abs_error=pl.col("error").filter(accepted).mean(),
            rejected=(~accepted).sum().cast(pl.Int64),
            rejected_agreed=pl.col("right").filter(~accepted).mean(),
            rejected_mean_abs_error=pl.col("error").filter(~accepted).mean(),
        )
        .cast({"grain": AGREEMENT_SCHEMA["grain"], "field": AGREEMENT_SCHEMA["field"]})
        .select(AGREEMENT_SCHEMA.names())
        .sort(pl.col("field").to_physical())
    )


def _long(truth: pl.DataFrame) -> pl.DataFrame:
    """source, path, field, true_word, true_number: one row per field of each picture."""
    numbers = truth.select(
        pl.col("source").cast(pl.String),
        pl.col("path").cast(pl.String),
        pl.col("expression").cast(pl.Enum(EXPRESSIONS)).to_physical().cast(pl.Float64),
        *(pl.col(name).cast(pl.Float64) for name in ("valence", "arousal", *AU_FIELDS)),
    )
    long = numbers.unpivot(FIELDS, index=["source", "path"], variable_name="field", value_name="true_number")
    word = pl.col("true_number").replace_strict(dict(enumerate(EXPRESSIONS)), default=None, return_dtype=pl.String)
    return long.with_columns(
        pl.col("field").cast(VERDICTS.schema["field"]),
        true_word=pl.when(pl.col("field") == "expression").then(word),
    )
