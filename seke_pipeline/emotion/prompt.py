"""The question: what a face's known labels, an arm and the settings make of the prompt.

What lives here: the wordings, and `compose`, which sets the facts, the knowledge that bears on them and the
keys to answer beneath one another. Change a word here or a fact there, and raise `PROMPT_VERSION`.
What stays out: what is known of emotion (`knowledge.py`), the answer's schema (`answer.py`), and how the
picture is turned and sent (`vlm/`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seke_pipeline.emotion.answer import answer_schema, asked_aus, in_order
from seke_pipeline.emotion.arms import Arm, Order
from seke_pipeline.emotion.knowledge import (
    AU_DEFINITIONS,
    AU_PRIORS,
    EXCLUSIVE_PAIRS,
    NEUTRAL_RULE,
    STRENGTHS,
    Strength,
    aus_of,
    va_contradicts,
    va_region,
)
from seke_pipeline.emotion.labels import AU_NAMES, EXPRESSIONS, Expression, Labels
from seke_pipeline.emotion.method import MethodSettings

PROMPT_VERSION = "1"
"""Version of the wordings and of the knowledge they carry; questions without knowledge add `-bare`."""


@dataclass(frozen=True)
class Question:
    """One question, ready to be sent with a picture.

    Attributes:
        arm: the variant it belongs to.
        system: the system message.
        user: the user message's text.
        schema: bare JSON schema of the answer, for strict structured outputs.
        asked: the fields asked for, in `FIELDS` order.
        version: `PROMPT_VERSION`, with `-bare` where the knowledge was left out.
    """

    arm: Arm
    system: str
    user: str
    schema: dict[str, Any]
    asked: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class _Wording:
    """One way to ask; `{options}` stands for the list of options."""

    system: str
    task: str
    facts: str
    knowledge: str
    keys: str
    answerable: str
    expression: str
    valence: str
    arousal: str
    active_aus: str
    rationale: str


_WORDINGS: tuple[_Wording, ...] = (
    _Wording(
        system=(
            "You describe what the facial muscles show in a picture, for research on facial expressions. "
            "This is description, not identification: never say or guess who the person is. "
            "Judge only what is visible, and answer with one JSON object and nothing else."
        ),
        task="Describe the facial expression in this picture.",
        facts="Known of this face from human coders; take it as true:",
        knowledge="What is known of faces in general; the picture decides:",
        keys="Answer with these keys:",
        answerable="false if no face can be read (the other values are then ignored), else true",
        expression="the one word that fits best: {options}",
        valence="from -1 (unpleasant) to 1 (pleasant)",
        arousal="from -1 (calm) to 1 (excited)",
        active_aus="the numbers of the action units that are visibly active ([] if none), out of {options}",
        rationale="one short sentence on the visible signs",
    ),
    _Wording(
        system=(
            "You code facial behaviour for a scientific study of expressions. Look at how brows, eyes, nose, "
            "mouth and chin have moved. Identity plays no part in it and is not to be inferred. "
            "Rely on what can be seen. Reply with a single JSON object, without further text."
        ),
        task="What does the face in this picture show?",
        facts="People have already coded the following for this face, and it stands:",
        knowledge="Rules of thumb about faces, which the picture may overrule:",
        keys="Give a value for each of these keys:",
        answerable="true, or false when there is no readable face (nothing else counts then)",
        expression="which of these describes the face best: {options}",
        valence="how pleasant the expression is, -1 very unpleasant, 0 neither, 1 very pleasant",
        arousal="how activated the expression is, -1 very calm, 0 neither, 1 very excited",
        active_aus="which of these action units you can see at work, by number, [] if none: {options}",
        rationale="what you saw, in one brief sentence",
    ),
)


def compose(known: Labels, arm: Arm, settings: MethodSettings) -> Question:
    """Compose the question for one face and one arm.

    The same arguments give the same bytes. Known fields are told as facts and never asked for.

    Args:
        known: the face's anchors.
        arm: the variant of the question.
        settings: whether to carry the knowledge, and whether to ask for a rationale.

    Raises:
        ValueError: when all fields are known, so that there is nothing to ask.
    """
    asked = known.missing()
    if not asked:
        raise ValueError("all 20 fields of this face are known: there is nothing to ask")
    wording = _WORDINGS[arm.wording]
    blocks = (
        wording.task,
        _block(wording.facts, _facts(known)),
        _block(wording.knowledge, _knowledge(known, asked) if settings.knowledge else ()),
        _block(wording.keys, _keys(asked, wording, arm.order, settings.rationale)),
    )
    return Question(
        arm=arm,
        system=wording.system,
        user="\n\n".join(block for block in blocks if block),
        schema=answer_schema(asked, arm.order, settings.rationale),
        asked=asked,
        version=PROMPT_VERSION if settings.knowledge else f"{PROMPT_VERSION}-bare",
    )


def _block(heading: str, lines: Iterator[str] | tuple[str, ...]) -> str:
    """A heading with its lines beneath, or nothing when there are no lines."""
    body = "\n".join(lines)
    return f"{heading}\n{body}" if body else ""


def _facts(known: Labels) -> Iterator[str]:
    """One line per known field."""
    if known.expression is not None:
        yield f"- expression: {known.expression}"
    for axis, value in (("valence", known.valence), ("arousal", known.arousal)):
        if value is not None:
            yield f"- {axis}: {round(value, 2) + 0.0:g}"
    for number, active in sorted(known.aus.items()):
        yield f"- AU{number} ({AU_NAMES[number]}): {'active' if active else 'not active'}"


def _keys(asked: Sequence[str], wording: _Wording, order: Order, rationale: bool) -> Iterator[str]:
    """One line per key of the answer, in the schema's order."""
    yield f'"answerable": {wording.answerable}'
    if "expression" in asked:
        yield f'"expression": {wording.expression.format(options=", ".join(in_order(EXPRESSIONS, order)))}'
    if "valence" in asked:
        yield f'"valence": {wording.valence}'
    if "arousal" in asked:
        yield f'"arousal": {wording.arousal}'
    if aus := asked_aus(asked):
        options = ", ".join(f"{number} ({AU_DEFINITIONS[number]})" for number in in_order(aus, order))
        yield f'"active_aus": {wording.active_aus.format(options=options)}'
    if rationale:
        yield f'"rationale": {wording.rationale}'


def _knowledge(known: Labels, asked: Sequence[str]) -> Iterator[str]:
    """The knowledge that ties what is known to what is asked, one fact a line."""
    if known.expression is not None:
        yield from _from_expression(known.expression, asked)
    elif "expression" in asked:
        yield from _to_expression(known)
    yield from _pairs(known, asked)


_HOW_OFTEN: Mapping[Strength, str] = {
    "primary": "usual",
    "secondary": "frequent",
    "occasional": "occasional",
    "contradicted": "not expected",
}


def _from_expression(expression: Expression, asked: Sequence[str]) -> Iterator[str]:
    """The action units that go with the known expression, and the region of the circumplex it lies in."""
    aus = asked_aus(asked)
    told = {how: [au for au in aus_of(expression, how) if au in aus] for how in STRENGTHS}
    parts = [f"{_list_aus(numbers)} {_HOW_OFTEN[how]}" for how, numbers in told.items() if numbers]
    if parts:
        yield f"{expression}: {'; '.join(parts)}"
    if expression == "neutral" and aus:
        yield NEUTRAL_RULE
    if "valence" in asked or "arousal" in asked:
        yield f"{expression}: {va_region(expression).words}"


def _to_expression(known: Labels) -> Iterator[str]:
    """What the known action units and the known point of the circumplex say about the expression."""
    for number in sorted(number for number, active in known.aus.items() if active):
        told = {how: _expressions_of(number, how) for how in STRENGTHS}
        parts = [f"{_HOW_OFTEN[how]} in {', '.join(words)}" for how, words in told.items() if words]
        yield f"AU{number}: {'; '.join(parts)}"
    out = [word for word in EXPRESSIONS if va_contradicts(word, known.valence, known.arousal)]
    if out:
        yield f"valence and arousal as given rule out {', '.join(out)}"


def _pairs(known: Labels, asked: Sequence[str]) -> Iterator[str]:
    """The pairs of action units that exclude each other, where one is asked and the other may be active."""
    aus = asked_aus(asked)
    for pair in EXCLUSIVE_PAIRS:
        first, second = pair.first, pair.second
        open_aus = [au for au in (first, second) if au in aus]
        if open_aus and all(au in open_aus or known.aus.get(au) for au in (first, second)):
            how = "exclude each other" if pair.hard else "are rarely active together"
            yield f"AU{first} and AU{second} {how}"


def _expressions_of(number: int, how: Strength) -> list[str]:
    return [prior.expression for prior in AU_PRIORS if (prior.au, prior.strength) == (number, how)]


def _list_aus(numbers: Sequence[int]) -> str:
    return ", ".join(f"AU{number}" for number in numbers)
