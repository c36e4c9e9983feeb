-- view: What each model answered to each benchmark item.

SELECT *
FROM read_parquet({{feab_answers}}, hive_partitioning = false, union_by_name = false)
