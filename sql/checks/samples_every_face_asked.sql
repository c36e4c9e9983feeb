-- asset: samples
-- severity: error
-- blocking: true
-- rule: A training face that lacks a label was asked about at least once.
-- cure: materialize samples of this shard again: it resumes from the journal

-- A shard that is not done yet is no offence among others; a single shard without any answer is.
WITH labels AS (
  SELECT face_id, faces.shard, is_labelled_face, COLUMNS('^(expression|valence|arousal|au\d\d)$')::VARCHAR
  FROM faces JOIN images USING (image_id)
  WHERE faces.reason IS NULL AND faces.split = 'train'
),
complete AS (
  SELECT face_id
  FROM (UNPIVOT labels ON COLUMNS(* EXCLUDE (face_id, shard, is_labelled_face)) INTO NAME field VALUE label)
  WHERE is_labelled_face
  GROUP BY face_id
  HAVING count(*) = 20
)
SELECT face_id, shard
FROM labels ANTI JOIN complete USING (face_id) ANTI JOIN samples USING (face_id)
WHERE shard IN (SELECT shard FROM samples)
   OR (SELECT count(DISTINCT shard) FROM faces) = 1
