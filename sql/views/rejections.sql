-- view: Why fields were rejected: per source, split, field, reason and broken rule.
-- stored: true
-- faces: Faces whose value was rejected for this reason.
-- share_of_asked: Of the faces that no human labelled.

WITH asked AS (
  SELECT source, split, field, reason, rule, verdict,
         count(*) OVER (PARTITION BY source, split, field) AS asked_faces
  FROM verdicts
  WHERE verdict != 'anchored'
)
SELECT source, split, field, reason, rule, count(*) AS faces, count(*) / any_value(asked_faces) AS share_of_asked
FROM asked
WHERE verdict = 'rejected'
GROUP BY source, split, field, reason, rule
ORDER BY faces DESC, source, split, field, reason, rule
