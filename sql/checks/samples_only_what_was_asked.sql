-- asset: samples
-- severity: error
-- blocking: true
-- rule: An answer gives values for the fields that were asked for, and for no other.
-- cure: drop every key of an answer that was not asked; the others are anchors

SELECT face_id, arm, sample, field, answer
FROM (
  UNPIVOT (SELECT face_id, arm, sample, asked, COLUMNS('^(expression|valence|arousal|au\d\d)$')::VARCHAR FROM samples)
  ON COLUMNS(* EXCLUDE (face_id, arm, sample, asked)) INTO NAME field VALUE answer
)
WHERE NOT list_contains(asked, field)
