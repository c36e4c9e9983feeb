-- view: One row per face and field: value, origin, uncertainty, and what became of it.

SELECT *
FROM read_parquet({{verdicts}}, hive_partitioning = false, union_by_name = false)
