"""The core: what is asked about a face, what is believed of the answers, and what is made of them.

Values in, values out: no file, clock, network or hidden chance, and no other room is known here.

Where do I go to…?

* name a thing: `labels.py` (expressions, fields, action units, `Labels`), `tables.py` (every table and its
  columns), `arms.py` (variants of the question).
* change what counts as a human's word on a face: `anchors.py`.
* set a number of the method: `method.py`.
* add or correct a fact about emotion: `knowledge.py`; prompt and rules both read it there, and nowhere else.
* change what the VLLM is told or how its answer is read: `prompt.py`, `answer.py`.
* change when to stop asking: `stopping.py`, on the measures of `uncertainty.py`.
* change what is accepted: `verdict.py`; which contradictions reject: `verification.py`.
* change the instruction records of FEID: `instruction.py`.
* change FEAB, or how a model is scored on it: `benchmark.py`, `metrics.py`.

What stays out: how a database codes its labels (`sources/`), how questions are sent (`vlm/`), how tables are
kept (`storage/`). Modules are imported by name; nothing is re-exported.
"""
