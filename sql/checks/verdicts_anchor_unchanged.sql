-- asset: verdicts
-- severity: error
-- blocking: true
-- rule: What a human labelled is anchored with the very same value, and nothing else is.
-- cure: materialize verdicts of this shard again: an anchor is never overwritten

WITH human AS (
  UNPIVOT (
    SELECT face_id, COLUMNS('^(expression|valence|arousal|au\d\d)$')::VARCHAR
    FROM faces JOIN images USING (image_id)
    WHERE is_labelled_face
  ) ON COLUMNS(* EXCLUDE face_id) INTO NAME field VALUE human_value
),
held AS (
  SELECT face_id, field, verdict, provenance,
         CASE grain
           WHEN 'expression' THEN word
           WHEN 'action_units' THEN (number = 1)::VARCHAR
           ELSE number::VARCHAR
         END AS held_value
  FROM verdicts
)
SELECT face_id, field, human_value, held_value, verdict, provenance
FROM held LEFT JOIN human USING (face_id, field)
WHERE (human_value IS NOT NULL) != (verdict = 'anchored')
   OR (human_value IS NOT NULL AND held_value IS DISTINCT FROM human_value)
