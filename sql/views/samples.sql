-- view: One row per answer of the VLLM.

SELECT *
FROM read_parquet({{samples}}, hive_partitioning = false, union_by_name = false)
