-- asset: samples
-- severity: error
-- blocking: true
-- rule: What a human labelled is never asked of the model.
-- cure: materialize samples of this shard again: the source's labels have grown since it was asked

WITH human AS (
  UNPIVOT (
    SELECT face_id, COLUMNS('^(expression|valence|arousal|au\d\d)$')::VARCHAR
    FROM faces JOIN images USING (image_id)
    WHERE is_labelled_face
  ) ON COLUMNS(* EXCLUDE face_id) INTO NAME field VALUE human_value
),
asked AS (SELECT face_id, unnest(asked) AS field, arm, sample FROM samples)
SELECT face_id, field, human_value, count(*) AS times_asked
FROM asked JOIN human USING (face_id, field)
GROUP BY ALL
