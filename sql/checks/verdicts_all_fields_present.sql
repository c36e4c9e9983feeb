-- asset: verdicts
-- severity: error
-- blocking: true
-- rule: Every training face has one verdict for each of the 20 fields, and nothing but a face has one.
-- cure: materialize verdicts of this shard again

-- A shard that is not done yet is no offence among others; a single shard without any verdict is.
WITH due AS (
  SELECT face_id
  FROM faces
  WHERE reason IS NULL AND split = 'train'
    AND (shard IN (SELECT shard FROM verdicts) OR (SELECT count(DISTINCT shard) FROM faces) = 1)
),
judged AS (
  SELECT face_id, count(*) AS verdicts, count(DISTINCT field) AS fields
  FROM verdicts
  GROUP BY face_id
)
SELECT face_id, coalesce(verdicts, 0) AS verdicts, coalesce(fields, 0) AS fields
FROM due FULL JOIN judged USING (face_id)
WHERE verdicts IS DISTINCT FROM 20
   OR fields IS DISTINCT FROM 20
   OR face_id NOT IN (SELECT face_id FROM faces WHERE reason IS NULL)
