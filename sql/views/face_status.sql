-- view: Per face: whether it is complete, and if not, which field is missing first and why.
-- status: complete, near duplicate (complete, but kept out of FEID: it looks like a test face), incomplete, not judged yet, benchmark (test faces are never asked about), or no face.
-- no_face_reason: Why there is no face.
-- anchored: Fields whose value is human.
-- accepted: Fields whose value is the VLLM's and was accepted.
-- rejected: Fields whose value was rejected.
-- first_missing_field: The first rejected field: expression, valence, arousal, then action units.
-- first_missing_reason: Why it was rejected.

WITH ranked AS (
  SELECT *,
         CASE field WHEN 'expression' THEN 0 WHEN 'valence' THEN 1 WHEN 'arousal' THEN 2
                    ELSE substr(field, 3)::INTEGER + 2 END AS place
  FROM verdicts
),
judged AS (
  SELECT face_id,
         count(*) FILTER (verdict = 'anchored') AS anchored,
         count(*) FILTER (verdict = 'accepted') AS accepted,
         count(*) FILTER (verdict = 'rejected') AS rejected,
         arg_min(field, place) FILTER (verdict = 'rejected') AS first_missing_field,
         arg_min(reason, place) FILTER (verdict = 'rejected') AS first_missing_reason
  FROM ranked
  GROUP BY face_id
)
SELECT faces.face_id,
       faces.image_id,
       faces.shard,
       faces.source,
       faces.split,
       CASE WHEN faces.reason IS NOT NULL THEN 'no face'
            WHEN judged.face_id IS NULL AND faces.split = 'test' THEN 'benchmark'
            WHEN judged.face_id IS NULL THEN 'not judged yet'
            WHEN judged.rejected > 0 THEN 'incomplete'
            WHEN near_duplicates.face_id IS NOT NULL THEN 'near duplicate'
            ELSE 'complete' END AS status,
       faces.reason AS no_face_reason,
       judged.anchored,
       judged.accepted,
       judged.rejected,
       judged.first_missing_field,
       judged.first_missing_reason
FROM faces
  LEFT JOIN judged ON judged.face_id = faces.face_id
  LEFT JOIN near_duplicates ON near_duplicates.face_id = faces.face_id
