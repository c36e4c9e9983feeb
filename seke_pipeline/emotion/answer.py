"""What the VLLM answers: the JSON schema it is held to, and the tolerant parser that reads what came back.

What lives here: the two siblings `answer_schema` and `read_answer`, which must agree key by key.
What stays out: the words that ask (`prompt.py`), and faults of the connection (`vlm/`).
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar

from seke_pipeline.emotion.arms import Order
from seke_pipeline.emotion.labels import AUS, EXPRESSIONS, Expression, Labels, au_field

_T = TypeVar("_T")

SYNONYMS: Mapping[str, Expression] = MappingProxyType(
    {
        **{word: word for word in EXPRESSIONS},
        "happy": "happiness",
        "joy": "happiness",
        "sad": "sadness",
        "surprised": "surprise",
        "afraid": "fear",
        "fearful": "fear",
        "disgusted": "disgust",
        "angry": "anger",
        "contemptuous": "contempt",
    }
)
"""Words that are read as an expression, in lower case: the vocabulary itself and its adjectives.

Near words (calm, worried, pain) are not guessed at: they are `out_of_schema`.
"""


@dataclass(frozen=True)
class Answer:
    """One answer, read.

    Attributes:
        labels: the asked fields and no others; all unknown when there is a fault.
        fault: refused, abstained, malformed or out_of_schema when the answer holds no labels, else None.
        rationale: the model's own words, if it gave any.
    """

    labels: Labels
    fault: str | None
    rationale: str | None


class _OutOfSchemaError(Exception):
    """The answer is JSON, but not of the form asked for."""


def answer_schema(asked: Sequence[str], order: Order, rationale: bool) -> dict[str, Any]:
    """The JSON schema of an answer, within what OpenAI's strict structured outputs take.

    Args:
        asked: the fields asked for, of `FIELDS`.
        order: the order of the options.
        rationale: whether a rationale is asked for.

    Returns:
        A bare schema: every property required, no others allowed.
    """
    properties: dict[str, Any] = {"answerable": {"type": "boolean"}}
    if "expression" in asked:
        properties["expression"] = {"type": "string", "enum": in_order(EXPRESSIONS, order)}
    for axis in ("valence", "arousal"):
        if axis in asked:
            properties[axis] = {"type": "number", "minimum": -1, "maximum": 1}
    if aus := asked_aus(asked):
        items = {"type": "integer", "enum": in_order(aus, order)}
        properties["active_aus"] = {"type": "array", "items": items}
    if rationale:
        properties["rationale"] = {"type": "string"}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def asked_aus(asked: Sequence[str]) -> tuple[int, ...]:
    """The numbers of the action units among the fields asked for, ascending."""
    return tuple(number for number in AUS if au_field(number) in asked)


def in_order(options: Sequence[_T], order: Order) -> list[_T]:
    """The options as an arm lists them."""
    return list(options) if order == "standard" else list(reversed(options))


def read_answer(text: str | None, asked: Sequence[str]) -> Answer:
    """Read one answer; whatever the text, this returns.

    Forgiven are a code fence or prose around the JSON, a number or an AU written as a string, AUs and keys
    that were not asked for, and a missing `answerable`. One asked field that cannot be read spoils the whole
    answer: the rest came from the same confusion.

    Args:
        text: what the model wrote; None when it wrote nothing.
        asked: the fields asked for, of `FIELDS`.
    """
    found = next(_objects(text or ""), None)
    if found is None:
        return Answer(Labels(), "refused" if _is_refusal(text or "") else "malformed", None)
    rationale = _rationale(found)
    try:
        if not _answerable(found):
            return Answer(Labels(), "abstained", rationale)
        return Answer(_labels(found, asked), None, rationale)
    except _OutOfSchemaError:
        return Answer(Labels(), "out_of_schema", rationale)


_DECODER = json.JSONDecoder(strict=False)
_MOST_STARTS = 50


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that begin at the first braces of a text, outermost first."""
    for start in islice(re.finditer(r"\{", text), _MOST_STARTS):
        try:
            found, _ = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        yield found


_REFUSAL = re.compile(
    r"\bi(?:'m| am) (?:very |so |really )?(?:sorry|unable|not able|not comfortable)\b"
    r"|\bi (?:can't|cannot|can not|won't|will not|must decline|apologi[sz]e)\b"
    r"|\b(?:unable|not able|not allowed) to (?:help|assist|identify|analy[sz]e|describe|determine|provide)\b"
    r"|\bagainst (?:my|our|the) (?:guidelines|polic)",
    re.IGNORECASE,
)


def _is_refusal(text: str) -> bool:
    """Whether a text is a refusal in prose; with a brace in it, it is broken JSON instead."""
    return "{" not in text and _REFUSAL.search(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")) is not None


def _answerable(found: Mapping[str, Any]) -> bool:
    value = found.get("answerable", True)
    if not isinstance(value, bool):
        raise _OutOfSchemaError
    return value


def _rationale(found: Mapping[str, Any]) -> str | None:
    value = found.get("rationale")
    return value.strip() or None if isinstance(value, str) else None


def _labels(found: Mapping[str, Any], asked: Sequence[str]) -> Labels:
    aus = asked_aus(asked)
    active = _active_aus(found.get("active_aus")) if aus else set()
    return Labels(
        expression=_expression(found.get("expression")) if "expression" in asked else None,
        valence=_coordinate(found.get("valence")) if "valence" in asked else None,
        arousal=_coordinate(found.get("arousal")) if "arousal" in asked else None,
        aus={number: number in active for number in aus},
    )


def _expression(value: object) -> Expression:
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in SYNONYMS:
        raise _OutOfSchemaError
    return SYNONYMS[word]


def _coordinate(value: object) -> float:
    """A number in [-1, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _OutOfSchemaError
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise _OutOfSchemaError from None
    if not (math.isfinite(number) and -1 <= number <= 1):
        raise _OutOfSchemaError
    return number


_AU = re.compile(r"(?:au)?[\s_-]*([0-9]{1,2})\s*(?:\(.*\))?", re.IGNORECASE)


def _active_aus(value: object) -> set[int]:
    if not isinstance(value, list):
        raise _OutOfSchemaError
    return {_au(item) for item in value}


def _au(value: object) -> int:
    """The number of an action unit, from 12, "12", "AU12" or "AU12 (lip corner puller)"."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    written = _AU.fullmatch(value.strip()) if isinstance(value, str) else None
    if written is None:
        raise _OutOfSchemaError
    return int(written.group(1))
