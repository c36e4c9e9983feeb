-- view: One row per face, and one per image that gave none, with the reason; the pictures are in crops.

SELECT * EXCLUDE (crop)
FROM read_parquet({{faces}}, hive_partitioning = false, union_by_name = false)
