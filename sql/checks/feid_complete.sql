-- asset: feid
-- severity: error
-- blocking: true
-- rule: A face of FEID has a value in each of the 20 fields.
-- cure: materialize feid of this split again; an incomplete face belongs into the review queue

WITH labels AS (SELECT face_id, source, COLUMNS('^(expression|valence|arousal|au\d\d)$')::VARCHAR FROM feid),
known AS (
  SELECT face_id, count(*) AS known_fields
  FROM (UNPIVOT labels ON COLUMNS(* EXCLUDE (face_id, source)) INTO NAME field VALUE label)
  GROUP BY face_id
)
SELECT face_id, source, coalesce(known_fields, 0) AS known_fields
FROM labels LEFT JOIN known USING (face_id)
WHERE coalesce(known_fields, 0) != 20
