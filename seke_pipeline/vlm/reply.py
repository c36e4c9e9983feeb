"""One reply: what the endpoint gave for one of the answers that a request wanted, not yet read as an emotion."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

ReplyFault = Literal["timeout", "client_error", "server_error", "content_filter"]


@dataclass(frozen=True)
class Reply:
    """One answer as it came, or why it did not.

    Attributes:
        text: what the model wrote, raw; None when it wrote nothing.
        refusal: the model's refusal, where the endpoint keeps it apart from the text.
        finish: the endpoint's reason for the answer's end (`stop`, `length`, `content_filter` …).
        fault: why nothing came; None when something did.
        note: what the endpoint said of the fault, short and without the key.
        input_tokens: share of the request's prompt tokens.
        output_tokens: share of the request's completion tokens.
        latency_s: seconds from sending to arrival, without waits and earlier tries.
    """

    text: str | None = None
    refusal: str | None = None
    finish: str | None = None
    fault: ReplyFault | None = None
    note: str | None = None
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    latency_s: float = 0.0


def read_replies(body: object, latency_s: float) -> list[Reply]:
    """The replies in the body of a chat completion, one per choice; none when it is something else.

    Args:
        body: the decoded JSON, of whatever kind.
        latency_s: seconds that the request took.
    """
    if not isinstance(body, Mapping):
        return []
    listed = body.get("choices")
    choices = [choice for choice in listed if isinstance(choice, Mapping)] if isinstance(listed, list) else []
    usage = _mapping(body.get("usage"))
    share = max(1, len(choices))
    tokens_in, tokens_out = (_count(usage.get(f"{kind}_tokens")) / share for kind in ("prompt", "completion"))
    return [_reply(choice, tokens_in, tokens_out, latency_s) for choice in choices]


def _reply(choice: Mapping[str, Any], tokens_in: float, tokens_out: float, latency_s: float) -> Reply:
    message = _mapping(choice.get("message"))
    return Reply(
        text=_text(message.get("content")),
        refusal=_text(message.get("refusal")),
        finish=_text(choice.get("finish_reason")),
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        latency_s=latency_s,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    """A text, or the text parts of a list of content parts; half a surrogate pair, which no file takes, is a `?`."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        value = "".join(_text(_mapping(part).get("text")) or "" for part in value)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) and value else None


def _count(value: object) -> float:
    """A number of tokens; 0 for whatever cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if math.isfinite(value) and value > 0 else 0.0
