"""The lake: tables as Parquet partitions, rules and views over them in DuckDB.

What lives here: how a partition is put in place and known (`lake.py`, `manifest.py`), how a rule of `sql/checks`
is run (`rules.py`), how the users' DuckDB file is built (`analytics.py`); both use DuckDB in memory (`duck.py`).
What to add here: another way of storing. What stays out: what the tables mean (`emotion/tables.py`) and which
stage writes them (`assets/`).
"""
