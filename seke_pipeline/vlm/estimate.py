"""What a run will take, before it is paid for: an estimate, from the prompts that would be sent.

Tokens are counted in characters (about four to a token of English), the picture's by OpenAI's rules for gpt-4o,
an answer's from recorded ones. Other models count otherwise: hold the estimate to a factor of two. The truth is
in the samples' token columns.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from seke_pipeline.emotion.arms import ARMS
from seke_pipeline.emotion.labels import Labels
from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.emotion.prompt import Question, compose
from seke_pipeline.vlm.prices import Price
from seke_pipeline.vlm.request import Request
from seke_pipeline.vlm.settings import Detail, VlmSettings

_CHARACTERS_PER_TOKEN = 4
_ANSWER_TOKENS = 40
_RATIONALE_TOKENS = 30
_IMAGE_TOKENS: dict[Detail, int] = {"low": 85, "high": 255, "auto": 255}
_MOST_IMAGE_TOKENS = 3000
"""gpt-4o-mini's for a picture at low detail are 2,833; no model is known to take more for a small crop."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take: at least, if every face settles in its first round, and at most, if none does.

    Attributes:
        faces: faces that miss a field.
        requests_min, requests_max: requests, where the endpoint gives several answers to one.
        answers_min, answers_max: answers.
        tokens_min, tokens_max: prompt and completion tokens.
        cost_usd_min, cost_usd_max: price; None when the model's price is unknown.
    """

    faces: int
    requests_min: int
    requests_max: int
    answers_min: int
    answers_max: int
    tokens_min: int
    tokens_max: int
    cost_usd_min: float | None
    cost_usd_max: float | None


def estimate(known: Iterable[Labels], settings: VlmSettings, method: MethodSettings) -> Estimate:
    """Estimate a run over faces that no journal knows.

    Faces that miss the same fields are taken to have prompts of the same length: the first one's.

    Args:
        known: the anchors of every face.
        settings: model, prices, detail.
        method: arms, rounds, samples.
    """
    first_of: dict[tuple[str, ...], Labels] = {}
    faces: Counter[tuple[str, ...]] = Counter()
    for labels in known:
        if missing := labels.missing():
            first_of.setdefault(missing, labels)
            faces[missing] += 1
    arms_min, arms_max, number = len(method.rounds[0]), len(method.arms), faces.total()
    prompt = sum(
        count * input_tokens(compose(first_of[missing], ARMS["plain"], method), settings.image_detail)
        for missing, count in faces.items()
    )
    answer = _ANSWER_TOKENS + _RATIONALE_TOKENS * method.rationale
    answers_min, answers_max = (number * arms * method.samples_per_arm for arms in (arms_min, arms_max))
    return Estimate(
        faces=number,
        requests_min=number * arms_min,
        requests_max=number * arms_max,
        answers_min=answers_min,
        answers_max=answers_max,
        tokens_min=prompt * arms_min + answer * answers_min,
        tokens_max=prompt * arms_max + answer * answers_max,
        cost_usd_min=_cost(settings.price, prompt * arms_min, answer * answers_min),
        cost_usd_max=_cost(settings.price, prompt * arms_max, answer * answers_max),
    )


def input_tokens(question: Question, detail: Detail) -> int:
    """About how many tokens a prompt has, the schema's and the picture's included."""
    return _text_tokens(question, _CHARACTERS_PER_TOKEN) + _IMAGE_TOKENS[detail]


def most_usd(request: Request, price: Price | None) -> float:
    """What a request can cost at most, in USD: every answer as long as it may be; 0 without a price."""
    if price is None:
        return 0.0
    prompt = _text_tokens(request.question, _CHARACTERS_PER_TOKEN / 2) + _MOST_IMAGE_TOKENS
    return price.cost_usd(prompt, request.n * request.max_tokens)


def _text_tokens(question: Question, characters_per_token: float) -> int:
    characters = len(question.system) + len(question.user) + len(json.dumps(question.schema))
    return round(characters / characters_per_token)


def _cost(price: Price | None, tokens_in: int, tokens_out: int) -> float | None:
    return None if price is None else price.cost_usd(tokens_in, tokens_out)
