-- view: The instruction records of FEID.

SELECT *
FROM read_parquet({{records}}, hive_partitioning = false, union_by_name = false)
