-- asset: feab
-- severity: error
-- blocking: true
-- rule: The truth of a benchmark item is what a human said of that face, and it says something.
-- cure: materialize feab again; an answer of a model must never become truth

WITH human AS (
  SELECT face_id, COLUMNS('^(expression|valence|arousal|au\d\d)$')::VARCHAR
  FROM faces JOIN images USING (image_id)
  WHERE is_labelled_face AND faces.reason IS NULL
),
human_fields AS (UNPIVOT human ON COLUMNS(* EXCLUDE face_id) INTO NAME field VALUE human_value),
truth_fields AS (
  UNPIVOT (SELECT face_id, COLUMNS('^(expression|valence|arousal|au\d\d)$')::VARCHAR FROM feab)
  ON COLUMNS(* EXCLUDE face_id) INTO NAME field VALUE truth
)
SELECT face_id, field, truth, human_value
FROM truth_fields FULL JOIN human_fields USING (face_id, field)
WHERE face_id IN (SELECT face_id FROM feab) AND truth IS DISTINCT FROM human_value
UNION ALL
SELECT face_id, NULL, NULL, NULL
FROM feab ANTI JOIN truth_fields USING (face_id)
