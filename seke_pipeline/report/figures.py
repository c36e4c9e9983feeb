"""The numbers of the report, each a function of tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from seke_pipeline.emotion.labels import EXPRESSIONS, FIELDS
from seke_pipeline.emotion.tables import OUTCOMES
from seke_pipeline.report.content import ReportContent
from seke_pipeline.report.words import (
    FAULTS,
    METRICS,
    NO_FACE,
    REASONS,
    UNKNOWN,
    count,
    decimal,
    field_name,
    money,
    share,
)

_HEADLINE_SCORES = (
    ("expression", "accuracy"),
    ("expression", "uar"),
    ("expression", "macro_f1"),
    ("valence", "ccc"),
    ("valence", "rmse"),
    ("arousal", "ccc"),
    ("arousal", "rmse"),
    ("action_units", "f1"),
    ("action_units", "base_rate"),
)


@dataclass(frozen=True)
class Figure:
    """One number at the head of the page: what it counts, the number, and a remark."""

    label: str
    value: str
    remark: str = ""


@dataclass(frozen=True)
class Table:
    """A table as it is shown; `numeric` says which of its columns are numbers."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def headline(content: ReportContent) -> tuple[Figure, ...]:
    """The numbers at the head of the page."""
    return (*_image_figures(content), *_answer_figures(content.samples), *_field_figures(content))


def _image_figures(content: ReportContent) -> tuple[Figure, ...]:
    faceless = content.faces.filter(pl.col("reason").is_not_null())
    found = content.faces.height - faceless.height
    images = content.images.height
    why = faceless["reason"].cast(pl.String).value_counts(sort=True, name="images")
    most = NO_FACE[why["reason"][0]] if why.height else ""
    return (
        Figure("images", count(images), f"from {_plural(content.images['source'].n_unique(), 'source')}"),
        Figure("faces", count(found), f"in {share(found, images)} of the images" if images else ""),
        Figure("images without a face", count(faceless.height), f"mostly: {most}" if most else ""),
    )


def _answer_figures(samples: pl.DataFrame) -> tuple[Figure, ...]:
    asked, answers = samples["face_id"].n_unique(), samples.height
    read, written = (float(samples[name].sum()) for name in ("input_tokens", "output_tokens"))
    priced = samples["cost_usd"].drop_nulls()
    cost = float(priced.sum()) if priced.len() else None
    return (
        Figure("answers", count(answers), f"about {_plural(asked, 'face')}"),
        Figure("answers per face", decimal(answers / asked, 1) if asked else UNKNOWN, "mean"),
        Figure("tokens", count(read + written), f"{count(read)} read, {count(written)} written"),
        Figure("cost", money(cost), _cost_remark(cost, asked, answers - priced.len())),
    )


def _cost_remark(cost: float | None, asked: int, unpriced: int) -> str:
    if cost is None:
        return "the model's price is not known" if asked else ""
    per_face = f"{money(cost / asked)} per face"
    return f"{per_face}; {_plural(unpriced, 'answer')} without a price" if unpriced else per_face


def _field_figures(content: ReportContent) -> tuple[Figure, ...]:
    verdicts = content.verdicts
    held = {name: verdicts.filter(pl.col("verdict") == name).height for name in ("anchored", "accepted", "rejected")}
    asked = held["accepted"] + held["rejected"]
    faces = verdicts["face_id"].n_unique()
    complete = content.feid.height
    return (
        Figure("human values", count(held["anchored"]), f"{share(held['anchored'], verdicts.height)} of all values"),
        Figure("accepted values", count(held["accepted"]), f"{share(held['accepted'], asked)} of those asked for"),
        Figure("faces in FEID", count(complete), f"{share(complete, faces)} of the faces judged"),
    )


def verdicts_by_field(verdicts: pl.DataFrame) -> pl.DataFrame:
    """How many values of each field are anchored, accepted and rejected.

    Returns:
        field, anchored, accepted, rejected: one row per field in the order of `FIELDS`.
    """
    fields = pl.DataFrame({"field": FIELDS}, schema={"field": pl.String})
    counted = (
        verdicts.with_columns(pl.col("field").cast(pl.String), pl.col("verdict").cast(pl.String))
        .group_by("field")
        .agg((pl.col("verdict") == name).sum().cast(pl.Int64).alias(name) for name in OUTCOMES)
    )
    return fields.join(counted, on="field", how="left", maintain_order="left").fill_null(0)


def expressions(feid: pl.DataFrame) -> pl.DataFrame:
    """How many faces of FEID show each expression, by who said so.

    Returns:
        expression, human, vllm: one row per expression in the order of `EXPRESSIONS`.
    """
    words = pl.DataFrame({"expression": EXPRESSIONS}, schema={"expression": pl.String})
    counted = (
        feid.with_columns(pl.col("expression").cast(pl.String), pl.col("expression_from").cast(pl.String))
        .group_by("expression")
        .agg((pl.col("expression_from") == name).sum().cast(pl.Int64).alias(name) for name in ("human", "vllm"))
    )
    return words.join(counted, on="expression", how="left", maintain_order="left").fill_null(0)


def answers_per_face(samples: pl.DataFrame) -> pl.DataFrame:
    """How many faces took how many answers: answers, faces; sorted."""
    return samples.group_by("face_id").len("answers").group_by("answers").len("faces").sort("answers")


def rejections(verdicts: pl.DataFrame) -> Table:
    """Why values were rejected, the commonest reason first."""
    asked = verdicts.filter(pl.col("verdict") != "anchored").height
    counted = _counted(verdicts.filter(pl.col("verdict") == "rejected")["reason"])
    rows = tuple((REASONS[reason], count(number), share(number, asked)) for reason, number in counted)
    headings = ("Reason", "Values", "Of all asked for")
    return Table("Why values were rejected", headings, rows, (False, True, True))


def faults(samples: pl.DataFrame) -> Table:
    """Why answers hold no labels, the commonest fault first."""
    counted = _counted(samples["fault"].drop_nulls())
    rows = tuple((FAULTS[fault], count(number), share(number, samples.height)) for fault, number in counted)
    headings = ("Fault", "Answers", "Of all answers")
    return Table("Answers that hold no labels", headings, rows, (False, True, True))


def sources(content: ReportContent) -> Table:
    """What each source brought, and under which terms."""
    keys = ["source", "split"]
    held = (
        content.images.group_by(keys)
        .agg(pl.len().alias("images"), pl.col("licence").unique().sort().str.join("; "))
        .join(content.faces.filter(pl.col("reason").is_null()).group_by(keys).len("faces"), on=keys, how="left")
        .join(content.feid.group_by(keys).len("feid"), on=keys, how="left")
        .with_columns(pl.col("split").cast(pl.String), pl.col("faces", "feid").fill_null(0))
        .sort("source", pl.col("split") == "test")
    )
    rows = tuple(
        (row["source"], row["split"], count(row["images"]), count(row["faces"]), count(row["feid"]), row["licence"])
        for row in held.iter_rows(named=True)
    )
    headings = ("Source", "Split", "Images", "Faces", "In FEID", "Terms of use")
    return Table("Sources and their terms", headings, rows, (False, False, True, True, True, False))


def headline_scores(scores: pl.DataFrame) -> Table:
    """The benchmark's scores over all sources, one row per model and score."""
    overall = {
        (row["model"], row["field"], row["metric"]): row
        for row in scores.filter(pl.col("source") == "all").iter_rows(named=True)
    }
    models = sorted({model for model, _, _ in overall})
    shown = [overall[key] for model in models for pair in _HEADLINE_SCORES if (key := (model, *pair)) in overall]
    return _scores_table("Scores over all sources", shown, ("model",))


def all_scores(scores: pl.DataFrame) -> Table:
    """Every score of the benchmark."""
    return _scores_table("Every score", scores.iter_rows(named=True), ("model", "source"))


def _scores_table(caption: str, shown: Iterable[Mapping[str, Any]], keys: Sequence[str]) -> Table:
    rows = tuple(
        (
            *(str(row[key]) for key in keys),
            field_name(row["field"]),
            METRICS.get(row["metric"], row["metric"]),
            decimal(row["value"]),
            f"{decimal(row['low'])} to {decimal(row['high'])}" if row["low"] is not None else UNKNOWN,
            count(row["items"]),
            count(row["unreadable"]),
        )
        for row in shown
    )
    headings = (*(key.capitalize() for key in keys), "Field", "Score", "Value", "95 % interval", "Faces", "Unreadable")
    return Table(caption, headings, rows, (*(False for _ in keys), False, False, True, True, True, True))


def any_table(caption: str, frame: pl.DataFrame) -> Table:
    """A frame of whatever columns as a table; fields by their names, numbers to three decimals."""
    numeric = tuple(dtype.is_numeric() for dtype in frame.dtypes)
    rows = tuple(tuple(_shown(name, value) for name, value in row.items()) for row in frame.iter_rows(named=True))
    headings = tuple(name.replace("_", " ").capitalize() for name in frame.columns)
    return Table(caption, headings, rows, numeric)


def _shown(name: str, value: object) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, float):
        return decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value)
    return field_name(str(value)) if name in ("field", "grain") else str(value)


def _counted(words: pl.Series) -> list[tuple[str, int]]:
    """Word and number, the commonest first, equal ones by name."""
    counted = words.cast(pl.String).alias("word").value_counts(name="number")
    return list(counted.sort(["number", "word"], descending=[True, False]).iter_rows())


def _plural(number: int, noun: str) -> str:
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"
