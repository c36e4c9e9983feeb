-- view: Training faces that look like a test face, and are kept out of FEID for it.

FROM read_parquet({{near_duplicates}})
