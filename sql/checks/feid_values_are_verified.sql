-- asset: feid
-- severity: error
-- blocking: true
-- rule: Every value of FEID is the value of a verdict that was anchored or accepted.
-- cure: materialize feid of this split again: verdicts was made anew since

WITH labels AS (
  UNPIVOT (SELECT face_id, COLUMNS('^(expression|valence|arousal|au\d\d)$')::VARCHAR FROM feid)
  ON COLUMNS(* EXCLUDE face_id) INTO NAME field VALUE feid_value
),
held AS (
  SELECT face_id, field, verdict,
         CASE grain
           WHEN 'expression' THEN word
           WHEN 'action_units' THEN (number = 1)::VARCHAR
           ELSE number::VARCHAR
         END AS held_value
  FROM verdicts
)
SELECT face_id, field, feid_value, held_value, verdict
FROM labels LEFT JOIN held USING (face_id, field)
WHERE held_value IS DISTINCT FROM feid_value OR verdict = 'rejected'
