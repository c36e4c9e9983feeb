"""The tally of a run: how far it is, what it has cost, and whether too many answers are faulty."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seke_pipeline.vlm.errors import TooManyFaults
from seke_pipeline.vlm.journal import Entry
from seke_pipeline.vlm.prices import Price
from seke_pipeline.vlm.samples import Sample, cost_usd

_FEWEST_ANSWERS = 20


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        faces_done: faces that need no further answer, those with nothing to ask among them.
        faces: faces in all.
        answers: answers that this run asked for and that came, faulty ones among them.
        replayed: answers that the journal held.
        tokens: prompt and completion tokens of this run.
        cost_usd: price of this run; None when the model's price is unknown.
    """

    faces_done: int
    faces: int
    answers: int
    replayed: int
    tokens: float
    cost_usd: float | None


class Tally:
    """Counts a run.

    Args:
        faces: faces in all.
        price: what the model costs.
        max_fault_share: the share of faulty answers that is borne.
    """

    def __init__(self, faces: int, price: Price | None, max_fault_share: float) -> None:
        self._price = price
        self._max_fault_share = max_fault_share
        self._faults: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._judged = 0
        self.requests = 0
        self.progress = Progress(0, faces, 0, 0, 0.0, None if price is None else 0.0)

    def asked(self, entries: Sequence[Entry]) -> None:
        """Count one request and its answers."""
        now, cost = self.progress, cost_usd(entries, self._price)
        self.requests += 1
        self.progress = Progress(
            faces_done=now.faces_done,
            faces=now.faces,
            answers=now.answers + len(entries),
            replayed=now.replayed,
            tokens=now.tokens + sum(entry.input_tokens + entry.output_tokens for entry in entries),
            cost_usd=None if cost is None or now.cost_usd is None else now.cost_usd + cost,
        )

    def replayed(self, entries: Sequence[Entry]) -> None:
        """Count answers that the journal held."""
        held = self.progress.replayed + len(entries)
        self.progress = Progress(**{**vars(self.progress), "replayed": held})

    def face_done(self, samples: Sequence[Sample]) -> Progress:
        """Count a face.

        Args:
            samples: all its answers.

        Raises:
            TooManyFaults: of 20 or more answers of the shard, more are faulty than is borne.
        """
        self.progress = Progress(**{**vars(self.progress), "faces_done": self.progress.faces_done + 1})
        self._judged += len(samples)
        for sample in samples:
            if sample.answer.fault is not None:
                self._faults[sample.answer.fault] += 1
                self._examples.setdefault(sample.answer.fault, sample.entry.note or "")
        self._bear()
        return self.progress

    def _bear(self) -> None:
        faulty = self._faults.total()
        if self._judged < _FEWEST_ANSWERS or faulty <= self._max_fault_share * self._judged:
            return
        reasons = ", ".join(
            f"{fault} {count}" + (f" ({said})" if (said := self._examples[fault]) else "")
            for fault, count in self._faults.most_common(3)
        )
        raise TooManyFaults(
            f"{faulty} of {self._judged} answers are faulty, more than max_fault_share {self._max_fault_share:g}:"
            f" {reasons}",
            cure="see that SEKE_VLM_MODEL can read pictures and answers the question; else raise max_fault_share "
            "in [vlm]",
        )
