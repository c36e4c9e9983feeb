-- view: FEAB: the benchmark's items, with what humans said as truth.

SELECT *
FROM read_parquet({{feab}}, hive_partitioning = false, union_by_name = false)
