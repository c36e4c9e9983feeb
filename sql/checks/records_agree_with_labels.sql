-- asset: records
-- severity: error
-- blocking: true
-- rule: The words, numbers and action units in an answer are those of the face's labels.
-- cure: materialize feid of this split again; if it stays, emotion/instruction.py composes answers wrongly

WITH words AS (
  SELECT unnest(['neutral', 'happiness', 'sadness', 'surprise', 'fear', 'disgust', 'anger', 'contempt']) AS word
),
said AS (
  SELECT record_id, face_id, task, answer,
         (SELECT list(word ORDER BY word) FROM words WHERE regexp_matches(answer, '\b' || word || '\b')) AS words,
         regexp_extract_all(answer, '(?:^|[^A-Za-z0-9.-])(-?\d+(?:\.\d+)?)', 1)::DOUBLE[] AS numbers,
         list_sort(regexp_extract_all(answer, '\bAU(\d+)\b', 1)::INTEGER[]) AS units
  FROM records
),
active AS (
  SELECT face_id, list(substr(field, 3)::INTEGER ORDER BY field) AS units
  FROM (
    UNPIVOT (SELECT face_id, COLUMNS('^au\d\d$') FROM feid)
    ON COLUMNS(* EXCLUDE face_id) INTO NAME field VALUE flag
  )
  WHERE flag
  GROUP BY face_id
)
SELECT said.record_id, said.face_id, task, answer, expression, valence, arousal, active.units AS active_units
FROM said JOIN feid ON feid.face_id = said.face_id LEFT JOIN active ON active.face_id = said.face_id
WHERE (task IN ('expression', 'joint') AND said.words IS DISTINCT FROM [expression])
   OR (task IN ('valence_arousal', 'joint')
       AND NOT coalesce(
         len(numbers) = 2 AND abs(numbers[1] - valence) < 0.001 AND abs(numbers[2] - arousal) < 0.001, false))
   OR (task IN ('action_units', 'joint') AND said.units IS DISTINCT FROM coalesce(active.units, []))
