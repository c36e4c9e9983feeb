-- view: How well each model reads faces.

SELECT *
FROM read_parquet({{feab_scores}}, hive_partitioning = false, union_by_name = false)
