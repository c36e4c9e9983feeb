-- view: Every view and table here and every column of it, with what it means.
-- view_name: Name of the view or stored table.
-- view_sentence: What it shows.
-- column_name: Name of the column.
-- data_type: Its type.
-- column_sentence: What it means.

SELECT relations.name AS view_name,
       relations.comment AS view_sentence,
       column_name,
       data_type,
       columns.comment AS column_sentence
FROM (
  SELECT view_name AS name, comment FROM duckdb_views() WHERE NOT internal
  UNION ALL
  SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal
) AS relations
JOIN duckdb_columns() AS columns ON columns.table_name = relations.name
WHERE relations.name != 'dictionary'
ORDER BY relations.name, column_index
