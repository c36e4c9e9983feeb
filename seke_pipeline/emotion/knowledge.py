"""What is known about how the three grains of a face hang together; prompt and rules both read it here.

What lives here: every prior as a frozen record with its source and how sure it is, and the few functions that
read the records. Add a fact as a record; correct one by its source. What stays out: how a prompt words a fact
(`prompt.py`) and what becomes of a label that breaks one (`verdict.py`).
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

import polars as pl

from seke_pipeline.emotion.labels import AU_NAMES, EXPRESSIONS, Expression

Strength = Literal["primary", "secondary", "occasional", "contradicted"]
Certainty = Literal["read", "secondary", "remembered", "inferred", "unverified"]
Axis = Literal["valence", "arousal", "radius"]
Sign = Literal["<", "<=", ">", ">="]
Kind = Literal["au_prior", "exclusive_pair", "va_region", "va_mean", "au_definition"]

STRENGTHS: tuple[Strength, ...] = get_args(Strength)
CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)
"""read: in the source itself; secondary: in somebody's code or page; unverified: such pages disagree."""

KINDS: tuple[Kind, ...] = get_args(Kind)

_SYNTHESIS = (
    "domain.md 2.7: the strongest evidence of EMFACS (FACS Table 11-1), Du, Tao & Martinez 2014, "
    "Cui et al. 2020 and AUE-CRL 2021"
)
_EMONET = "EmoNet cleaning rule of AffectNet (face-analysis/emonet, affecnet.py), domain.md 2.8"
_RUSSELL = "Russell & Mehrabian 1977, domain.md 2.8"
_FACS = "FACS manual, domain.md 2.7"
_VERBS = "Exp-BLIP supplement, Table 1, domain.md 1.7"


@dataclass(frozen=True)
class AuPrior:
    """How an action unit goes with an expression.

    Attributes:
        expression: the expression shown.
        au: number of the action unit.
        strength: primary (P >= .70), secondary (.50-.70), occasional (.25-.50), or contradicted.
        source: where it is from.
        certainty: how sure the source is.
    """

    expression: Expression
    au: int
    strength: Strength
    source: str = _SYNTHESIS
    certainty: Certainty = "inferred"


@dataclass(frozen=True)
class ExclusivePair:
    """Two action units that work against each other.

    Attributes:
        first: number of the one action unit.
        second: number of the other, the larger one.
        hard: the two cannot both be right, so a rule may reject them; a soft pair is only rare.
        why: the fact in words.
        source: where it is from.
        certainty: how sure the source is.
    """

    first: int
    second: int
    hard: bool
    why: str
    source: str
    certainty: Certainty


@dataclass(frozen=True)
class Bound:
    """One side of a region of the circumplex; radius is the distance from (0, 0)."""

    axis: Axis
    sign: Sign
    limit: float

    @property
    def words(self) -> str:
        """The bound as prompts and tables show it."""
        name = "distance from (0, 0)" if self.axis == "radius" else self.axis
        return f"{name} {self.sign} {self.limit:g}"


@dataclass(frozen=True)
class VaRegion:
    """Where in the circumplex an expression lies: all bounds hold."""

    expression: Expression
    bounds: tuple[Bound, ...]
    source: str = _EMONET
    certainty: Certainty = "read"

    @property
    def words(self) -> str:
        """The bounds as prompts and tables show them."""
        return ", ".join(bound.words for bound in self.bounds)


@dataclass(frozen=True)
class VaMean:
    """The mean of an expression's word on valence and arousal, each -1 … 1."""

    expression: Expression
    valence: float
    arousal: float
    source: str = _RUSSELL
    certainty: Certainty = "secondary"


def _priors(expression: Expression, *aus_by_strength: tuple[int, ...]) -> tuple[AuPrior, ...]:
    """One record per AU; the tuples stand in the order of `STRENGTHS`."""
    by_strength = zip(STRENGTHS, aus_by_strength, strict=True)
    return tuple(AuPrior(expression, au, strength) for strength, aus in by_strength for au in aus)


AU_PRIORS: tuple[AuPrior, ...] = (
    *_priors("happiness", (12, 25), (6, 7), (10, 26), (4, 9, 15, 17, 20)),
    *_priors("sadness", (4, 15), (1, 6, 7, 17), (), (2, 12, 26)),
    *_priors("surprise", (1, 2, 25, 26), (5,), (), (4, 6, 7, 15, 17, 23, 24)),
    *_priors("fear", (1, 4, 20, 25), (2, 5, 7), (23, 26), (6, 12, 14, 15, 17)),
    *_priors("disgust", (9, 10, 17), (), (4, 6, 7, 24, 25), (1, 2, 5, 12)),
    *_priors("anger", (4, 7), (17, 23, 24), (5, 10, 25), (1, 2, 6, 12)),
    *_priors("contempt", (14,), (12,), (10, 17, 24), (1, 4, 5, 20)),
)
"""The AU table of domain.md 2.7; a pair that is not listed is rare but no contradiction.

Neutral has no record: `NEUTRAL_RULE` speaks of intensity, and labels here say only whether an AU is present,
so no single AU may contradict neutral.
"""

NEUTRAL_RULE = "neutral: any action unit of marked intensity (C or more) contradicts it"
"""Told and shown, never a rule that rejects (see `AU_PRIORS`)."""

EXCLUSIVE_PAIRS: tuple[ExclusivePair, ...] = (
    ExclusivePair(24, 25, True, "lips pressed together are not parted", _FACS, "remembered"),
    ExclusivePair(12, 15, False, "antagonists: lip corners drawn up against drawn down", _FACS, "remembered"),
    ExclusivePair(20, 23, False, "stretching the lips pulls against tightening them", _FACS, "remembered"),
    ExclusivePair(20, 24, False, "stretching the lips pulls against pressing them", _FACS, "remembered"),
)
"""Pairs that domain.md 2.7 calls contradictory or antagonist; those it calls exclusive `mostly` are left out.

The antagonists are soft: both muscles may act at once, as in a smile that is held back.
"""

_PLEASANT, _UNPLEASANT = Bound("valence", ">", 0), Bound("valence", "<", 0)
_AROUSED = Bound("arousal", ">", 0)
_OFF_CENTRE = Bound("radius", ">", 0.2)

VA_REGIONS: tuple[VaRegion, ...] = (
    VaRegion("neutral", (Bound("radius", "<", 0.2),)),
    VaRegion("happiness", (_PLEASANT, _OFF_CENTRE)),
    VaRegion("sadness", (_UNPLEASANT, _OFF_CENTRE)),
    VaRegion("surprise", (_AROUSED, _OFF_CENTRE)),
    VaRegion("fear", (Bound("valence", "<=", 0), Bound("arousal", ">=", 0), _OFF_CENTRE)),
    VaRegion("disgust", (_UNPLEASANT, Bound("radius", ">", 0.3))),
    VaRegion("anger", (_AROUSED, _OFF_CENTRE)),
    VaRegion("contempt", (_UNPLEASANT, _OFF_CENTRE)),
)
"""One region per expression. Surprise may be pleasant or not: its valence has no bound, on purpose."""

VA_MEANS: tuple[VaMean, ...] = (
    VaMean("neutral", 0.0, 0.0, "the origin of the circumplex, by definition", "inferred"),
    VaMean("happiness", 0.81, 0.51),
    VaMean("sadness", -0.63, -0.27),
    VaMean("surprise", 0.40, 0.67),
    VaMean("fear", -0.64, 0.60),
    VaMean("disgust", -0.60, 0.35),
    VaMean("anger", -0.51, 0.59),
    VaMean("contempt", -0.55, 0.15, "codes that differ, arousal .10-.20, domain.md 2.8", "unverified"),
)
"""Means of the emotion words, not of faces; no rule may reject by them."""

AU_DEFINITIONS: Mapping[int, str] = MappingProxyType(
    {
        1: "raise inner eyebrow", 2: "raise outer eyebrow", 4: "lower brow", 5: "raise upper lid",
        6: "raise cheek", 7: "tighten lids", 9: "wrinkle nose", 10: "raise upper lip", 12: "pull lip corner",
        14: "tighten lip corner", 15: "depress lip corner", 17: "raise chin", 20: "stretch lips",
        23: "tighten lips", 24: "press lips", 25: "separate lips", 26: "drop jaw",
    }
)  # fmt: skip
"""What the face does in each action unit, as a verb (Exp-BLIP supplement, Table 1; domain.md 1.7)."""

_COMPARE: Mapping[Sign, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_REGION_OF: Mapping[str, VaRegion] = {region.expression: region for region in VA_REGIONS}


def aus_of(expression: Expression, *strengths: Strength) -> tuple[int, ...]:
    """The action units that go with an expression by these strengths, in the order asked, then by number."""
    return tuple(
        prior.au
        for strength in strengths
        for prior in AU_PRIORS
        if prior.expression == expression and prior.strength == strength
    )


def likely_aus(expression: Expression) -> tuple[int, ...]:
    """The action units that mostly go with an expression (P >= .50): the primary ones, then the secondary."""
    return aus_of(expression, "primary", "secondary")


def contradicted_aus(expression: Expression) -> tuple[int, ...]:
    """The action units that contradict an expression, by number; none for neutral (see `AU_PRIORS`)."""
    return aus_of(expression, "contradicted")


def va_region(expression: Expression) -> VaRegion:
    """The region of the circumplex that an expression lies in."""
    return _REGION_OF[expression]


def va_contradicts(expression: Expression | None, valence: float | None, arousal: float | None) -> bool:
    """Whether a point of the circumplex lies outside its expression's region.

    Args:
        expression: one of `EXPRESSIONS`.
        valence: -1 … 1.
        arousal: -1 … 1.

    Returns:
        False whenever one of the three is unknown (None, or not finite): nothing is contradicted.
    """
    if expression is None or valence is None or arousal is None:
        return False
    if not (math.isfinite(valence) and math.isfinite(arousal)):
        return False
    return not all(_keeps(bound, valence, arousal) for bound in va_region(expression).bounds)


def va_contradiction(expression: pl.Expr, valence: pl.Expr, arousal: pl.Expr) -> pl.Expr:
    """`va_contradicts` for whole columns: a Boolean expression without nulls."""
    outside = [
        (expression.cast(pl.String) == region.expression) & ~_keeps(bound, valence, arousal)
        for region in VA_REGIONS
        for bound in region.bounds
    ]
    return (valence.is_finite() & arousal.is_finite() & pl.any_horizontal(outside)).fill_null(False)


def _keeps(bound: Bound, valence: Any, arousal: Any) -> Any:
    """Whether a bound holds, for two floats (→ bool) or two polars expressions (→ expression)."""
    compare = _COMPARE[bound.sign]
    if bound.axis == "radius":  # squared: floats and columns then agree to the last bit
        return compare(valence * valence + arousal * arousal, bound.limit * bound.limit)
    return compare(valence if bound.axis == "valence" else arousal, bound.limit)


def knowledge_table() -> pl.DataFrame:
    """All of this knowledge in one table, one row per fact.

    Returns:
        kind (of fact); expression, au, other_au (each null where a fact has none); statement; rejects
        (whether a rule may reject a label that breaks the fact); source; certainty.
    """
    schema = pl.Schema(
        {
            "kind": pl.Enum(KINDS),
            "expression": pl.Enum(EXPRESSIONS),
            "au": pl.Int64(),
            "other_au": pl.Int64(),
            "statement": pl.String(),
            "rejects": pl.Boolean(),
            "source": pl.String(),
            "certainty": pl.Enum(CERTAINTIES),
        }
    )
    return pl.DataFrame([*_au_rows(), *_va_rows()], schema, orient="row")


_Row = tuple[Kind, Expression | None, int | None, int | None, str, bool, str, Certainty]


def _au_rows() -> Iterator[_Row]:
    for prior in AU_PRIORS:
        text = f"AU{prior.au} ({AU_NAMES[prior.au]}) is {prior.strength} in {prior.expression}"
        rejects = prior.strength == "contradicted"
        yield "au_prior", prior.expression, prior.au, None, text, rejects, prior.source, prior.certainty
    yield "au_prior", "neutral", None, None, NEUTRAL_RULE, False, _SYNTHESIS, "inferred"
    for pair in EXCLUSIVE_PAIRS:
        text = f"AU{pair.first} and AU{pair.second}: {pair.why}"
        yield "exclusive_pair", None, pair.first, pair.second, text, pair.hard, pair.source, pair.certainty
    for au, verb in AU_DEFINITIONS.items():
        yield "au_definition", None, au, None, f"AU{au} ({AU_NAMES[au]}): {verb}", False, _VERBS, "read"


def _va_rows() -> Iterator[_Row]:
    for region in VA_REGIONS:
        text = f"{region.expression}: {region.words}"
        yield "va_region", region.expression, None, None, text, True, region.source, region.certainty
    for mean in VA_MEANS:
        text = f"{mean.expression}: valence {mean.valence:g}, arousal {mean.arousal:g}"
        yield "va_mean", mean.expression, None, None, text, False, mean.source, mean.certainty
