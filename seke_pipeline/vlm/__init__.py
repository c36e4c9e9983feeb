"""The VLLM room: asks an OpenAI-compatible endpoint about faces and writes every answer down.

Where do I go to…?
- see how a face is asked, round by round: `annotate.py`; what an answer says: `samples.py`
- change what is sent: `request.py`, `picture.py`; how it is sent again: `client.py`, `pacing.py`, `exchange.py`
- add a quirk of an endpoint: `capabilities.py` (what it takes), `failure.py` (how it says no)
- see what is kept of a run: `journal.py`; what it costs: `prices.py`, `estimate.py`, `budget.py`, `tally.py`
- add an error a user can mend: `errors.py`

What stays out: the words of the question, the reading of an answer and when to stop (`emotion/`); where the
samples are stored (`storage/`).
"""

from seke_pipeline.vlm.annotate import Annotation, annotate
from seke_pipeline.vlm.client import Vlm
from seke_pipeline.vlm.estimate import Estimate, estimate
from seke_pipeline.vlm.journal import Journal
from seke_pipeline.vlm.samples import FaceToAsk
from seke_pipeline.vlm.settings import VlmSettings
from seke_pipeline.vlm.tally import Progress

__all__ = [
    "Annotation",
    "Estimate",
    "FaceToAsk",
    "Journal",
    "Progress",
    "Vlm",
    "VlmSettings",
    "annotate",
    "estimate",
]
