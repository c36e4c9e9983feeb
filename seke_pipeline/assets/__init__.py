"""The stages as Dagster assets: one file per stage, one group per file; a body is one call to a plain function.

What to add here: a stage. What stays out: the work (the rooms below) and the rules (`sql/checks`).
The assets do not import each other; they meet in the lake. Each file's `*_recipe` says what a partition is
made from, so that a run can tell what is current.
"""
