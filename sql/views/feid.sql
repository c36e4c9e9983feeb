-- view: FEID: one row per face whose three grains are complete.

SELECT *
FROM read_parquet({{feid}}, hive_partitioning = false, union_by_name = false)
