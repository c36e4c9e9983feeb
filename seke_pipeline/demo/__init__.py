"""The demonstration: drawn faces and a stand-in annotator, so that the first run needs no data, key or GPU.

**The labels of this room are a demonstration.** The faces are drawings whose truth is drawn by lot from the knowledge
table, and `demo-annotator` errs by settings modelled on what was measured of GPT-4V; no number from here says
anything about a real model or a real person.

What lives here: the drawing (`person` who, `affect` what is shown, `view` in `face`, painted by `features`, `mouth`
and `draw`), the `collection` in the databases' own layouts, the annotator (`annotator` the server, `asking` what is
asked, `behaviour` how it answers and errs with `confusion` and `quirks`, its eyes `reader`, `training`, `pixels`),
and `truth`, which compares verdicts with what was drawn. Add a database's layout in `layouts`. What stays out: the
real client (`vlm/`), real databases (`sources/`).
"""

from seke_pipeline.demo.annotator import Annotator
from seke_pipeline.demo.collection import draw_collection, pictures_of
from seke_pipeline.demo.settings import AnnotatorSettings, DemoSettings
from seke_pipeline.demo.truth import agreement

__all__ = ["Annotator", "AnnotatorSettings", "DemoSettings", "agreement", "draw_collection", "pictures_of"]
