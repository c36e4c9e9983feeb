-- view: One row per image that a source lists, and what humans said of it.

SELECT *
FROM read_parquet({{images}}, hive_partitioning = false, union_by_name = false)
