"""The samples: what the journal's raw answers say, read anew each time, as rows of the table SAMPLES."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from seke_pipeline.emotion.answer import Answer, read_answer
from seke_pipeline.emotion.labels import Labels, Split
from seke_pipeline.emotion.tables import SAMPLES
from seke_pipeline.vlm.journal import Entry
from seke_pipeline.vlm.prices import Price


@dataclass(frozen=True)
class FaceToAsk:
    """A face and what is known of it.

    Attributes:
        face_id: key of the face.
        shard: the partition it lies in.
        source: source database.
        split: train or test.
        crop: JPEG bytes of the aligned crop.
        known: its anchors; fields without a value are asked for.
    """

    face_id: str
    shard: str
    source: str
    split: Split
    crop: bytes
    known: Labels


@dataclass(frozen=True)
class Sample:
    """One answer about a face, read.

    Attributes:
        face: the face it is about.
        entry: the answer as it came.
        answer: what it says.
    """

    face: FaceToAsk
    entry: Entry
    answer: Answer

    @classmethod
    def of(cls, face: FaceToAsk, entry: Entry) -> "Sample":
        """Read an answer."""
        return cls(face, entry, read_entry(entry))


def read_entry(entry: Entry) -> Answer:
    """What an answer says; a pure function of what came."""
    if entry.fault is not None:
        return Answer(Labels(), entry.fault, None)
    if entry.finish == "content_filter":
        return Answer(Labels(), "content_filter", None)
    if entry.refusal is not None and entry.text is None:
        return Answer(Labels(), "refused", None)
    answer = read_answer(entry.text, entry.asked)
    cut_short = entry.finish == "length" and answer.fault == "malformed"
    return Answer(Labels(), "length", None) if cut_short else answer


def to_samples(samples: Iterable[Sample], arms: Sequence[str], price: Price | None) -> pl.DataFrame:
    """The table SAMPLES, sorted by face, by arm as they are asked, and by sample.

    Args:
        samples: in any order.
        arms: names of the arms in the order they are asked.
        price: what the model costs; None leaves the cost unknown.
    """
    place = {name: number for number, name in enumerate(arms)}
    in_order = sorted(samples, key=lambda s: (s.face.face_id, place[s.entry.arm], s.entry.sample))
    return SAMPLES.frame(_row(sample, price) for sample in in_order)


def cost_usd(entries: Iterable[Entry], price: Price | None) -> float | None:
    """What answers cost, in USD; None when the price is unknown."""
    return None if price is None else sum(price.cost_usd(e.input_tokens, e.output_tokens) for e in entries)


def _row(sample: Sample, price: Price | None) -> dict[str, Any]:
    face, entry, answer = sample.face, sample.entry, sample.answer
    return {
        "face_id": face.face_id,
        "shard": face.shard,
        "source": face.source,
        "split": face.split,
        "arm": entry.arm,
        "round": entry.round,
        "sample": entry.sample,
        "model": entry.model,
        "prompt_version": entry.prompt_version,
        "request_hash": entry.request_hash,
        "asked": list(entry.asked),
        **answer.labels.to_row(),
        "rationale": _utf8(answer.rationale),
        "fault": answer.fault,
        "input_tokens": entry.input_tokens,
        "output_tokens": entry.output_tokens,
        "cost_usd": cost_usd([entry], price),
        "latency_s": entry.latency_s,
    }


def _utf8(text: str | None) -> str | None:
    """A text that a table takes: JSON can spell half a surrogate pair, UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode() if text is not None else None
