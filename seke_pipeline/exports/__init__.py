"""FEID in the formats that trainers read.

What lives here: one file per format (`llava.py`: records in, one JSON text out) and `folder.py`, which writes
an export beside its images. What to add here: a format, as a file and a line in `folder.FORMATS`.
What stays out: what the records say (`emotion/instruction.py`).
"""
