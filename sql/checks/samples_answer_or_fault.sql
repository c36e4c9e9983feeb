-- asset: samples
-- severity: error
-- blocking: true
-- rule: An answer without a fault gives at least one label; one with a fault gives none.
-- cure: read the answers with emotion/answer.py only: what could not be read is missing, never zero

WITH answers AS (
  SELECT face_id, arm, sample, fault, COLUMNS('^(expression|valence|arousal|au\d\d)$')::VARCHAR
  FROM samples
),
read AS (
  SELECT face_id, arm, sample, fault, coalesce(*COLUMNS(* EXCLUDE (face_id, arm, sample, fault))) AS first_label
  FROM answers
)
SELECT face_id, arm, sample, fault, first_label
FROM read
WHERE (fault IS NULL) != (first_label IS NOT NULL)
