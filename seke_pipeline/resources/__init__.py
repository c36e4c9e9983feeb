"""Dagster's view of the outside: settings in, plain objects out.

What lives here: the settings tree, and one resource per outside thing (lake, sources, detector, VLLM, progress).
What to add here: a resource when a stage needs a new outside thing. What stays out: the work itself (the rooms).
"""
