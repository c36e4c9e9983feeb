"""Self-verification across grains: which proposed values break a rule of `knowledge.py`, and who is to blame.

Rules compare two sides. Humans judge first: against a human field the VLLM's side is blamed, and an anchor
never is. Between two of the VLLM's own values the less confident one is blamed; where neither is surer it is
the finer one (valence-arousal or the action unit rather than the expression; the second of two action units).
A value that was rejected judges nobody any more. The model's own opinion (method.md 4.2) is not asked here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from seke_pipeline.emotion.knowledge import EXCLUSIVE_PAIRS, contradicted_aus, va_contradiction
from seke_pipeline.emotion.labels import EXPRESSIONS, au_field

BLAME_SCHEMA = pl.Schema(
    {"face_id": pl.String(), "field": pl.String(), "rule": pl.String(), "against_human": pl.Boolean()}
)


@dataclass(frozen=True)
class Rule:
    """One executable rule between two sides of a face's description.

    Attributes:
        name: how verdicts call it, such as `au12_in_sadness`.
        coarse: the field that stays when neither side is surer.
        fine: the fields of the other side; they are blamed together.
        broken: Boolean polars expression over the value columns; null where a value is unknown.
    """

    name: str
    coarse: str
    fine: tuple[str, ...]
    broken: pl.Expr

    @property
    def fields(self) -> tuple[str, ...]:
        """Both sides."""
        return (self.coarse, *self.fine)


def _rules() -> Iterator[Rule]:
    va = ("valence", "arousal")
    yield Rule("expression_va", "expression", va, va_contradiction(*(pl.col(name) for name in ("expression", *va))))
    for word in EXPRESSIONS:
        for number in contradicted_aus(word):
            name = au_field(number)
            shown = pl.col("expression").cast(pl.String) == word
            yield Rule(f"{name}_in_{word}", "expression", (name,), shown & pl.col(name))
    for pair in EXCLUSIVE_PAIRS:
        if pair.hard:
            first, second = au_field(pair.first), au_field(pair.second)
            yield Rule(f"{first}_with_{second}", first, (second,), pl.col(first) & pl.col(second))


RULES: tuple[Rule, ...] = tuple(_rules())
"""In the order they judge: the circumplex, action units against the expression, exclusive action units."""


def human_column(field: str) -> str:
    """The column that says whether a field is an anchor."""
    return f"{field}_human"


def confidence_column(field: str) -> str:
    """The column with a field's confidence."""
    return f"{field}_confidence"


def find_blamed(proposed: pl.DataFrame) -> pl.DataFrame:
    """The values to reject because they break a rule.

    All rules are first held against human fields, then, one after the other, against what the VLLM's values
    left standing say of each other. A side without a confidence (valence-arousal) is never the surer one.

    Args:
        proposed: one row per face: `face_id`, the 20 fields (null where nothing stands: unknown or already
            rejected), and for each field `<field>_human` and `<field>_confidence`.

    Returns:
        `BLAME_SCHEMA`: one row per face and blamed field with the first rule it broke, sorted by both.
    """
    ever_broken = proposed.select(_broken(rule).any().alias(rule.name) for rule in RULES).row(0)
    rules = [rule for rule, ever in zip(RULES, ever_broken, strict=True) if ever]
    standing, blamed = proposed, [BLAME_SCHEMA.to_frame()]
    for against_human, blames in ((True, _against_human), (False, _among_answers)):
        for rule in rules:
            guilty = blames(rule)
            hit = standing.select("face_id", **guilty).filter(pl.any_horizontal(*guilty))
            if hit.is_empty():
                continue
            blamed.append(_long(hit, rule, against_human=against_human))
            standing = standing.with_columns(
                pl.when(~flag).then(pl.col(name)).alias(name) for name, flag in guilty.items()
            )
    return pl.concat(blamed).sort("face_id", "field")


def _against_human(rule: Rule) -> dict[str, pl.Expr]:
    """Field → whether it is blamed because a human field of the other side contradicts it.

    A side with a human half counts as human: the other half is blamed only if the other side is human too.
    """
    coarse_human = pl.col(human_column(rule.coarse))
    fine_human = pl.any_horizontal(human_column(name) for name in rule.fine)
    blames = {rule.coarse: fine_human} | dict.fromkeys(rule.fine, coarse_human)
    return {name: _broken(rule) & ~pl.col(human_column(name)) & judge for name, judge in blames.items()}


def _among_answers(rule: Rule) -> dict[str, pl.Expr]:
    """Field → whether it is the less confident side of two that are both the VLLM's."""
    no_human = ~pl.any_horizontal(human_column(name) for name in rule.fields)
    fine_confidence = pl.min_horizontal(confidence_column(name) for name in rule.fine)
    coarse_guilty = (pl.col(confidence_column(rule.coarse)) < fine_confidence).fill_null(False)
    guilty = {rule.coarse: coarse_guilty} | dict.fromkeys(rule.fine, ~coarse_guilty)
    return {name: _broken(rule) & no_human & less_sure for name, less_sure in guilty.items()}


def _broken(rule: Rule) -> pl.Expr:
    return rule.broken.fill_null(False)


def _long(hit: pl.DataFrame, rule: Rule, *, against_human: bool) -> pl.DataFrame:
    """One row per face and field whose flag is set."""
    flags = hit.unpivot(index="face_id", variable_name="field", value_name="guilty")
    return flags.filter("guilty").select(
        "face_id", "field", rule=pl.lit(rule.name), against_human=pl.lit(against_human)
    )
