-- asset: verdicts
-- severity: error
-- blocking: true
-- rule: No action unit contradicts the face's expression or excludes another one, unless humans said so.
-- cure: materialize verdicts of this shard again; a contradiction must be rejected with its reason

-- The table is that of emotion/knowledge.py (contradicted_aus, hard EXCLUSIVE_PAIRS); a test compares the two.
WITH contradictions(expression, units) AS (VALUES
  ('happiness', ['au04', 'au09', 'au15', 'au17', 'au20']),
  ('sadness', ['au02', 'au12', 'au26']),
  ('surprise', ['au04', 'au06', 'au07', 'au15', 'au17', 'au23', 'au24']),
  ('fear', ['au06', 'au12', 'au14', 'au15', 'au17']),
  ('disgust', ['au01', 'au02', 'au05', 'au12']),
  ('anger', ['au01', 'au02', 'au06', 'au12']),
  ('contempt', ['au01', 'au04', 'au05', 'au20'])
),
standing AS (
  SELECT face_id, field, word, number, provenance
  FROM verdicts
  WHERE verdict IN ('anchored', 'accepted')
),
expressions AS (SELECT face_id, word AS shown, provenance FROM standing WHERE field = 'expression'),
active AS (SELECT face_id, field, provenance FROM standing WHERE starts_with(field, 'au') AND number = 1)
SELECT face_id, field, shown AS against
FROM active JOIN expressions USING (face_id) JOIN contradictions ON contradictions.expression = shown
WHERE list_contains(units, field) AND 'vllm' IN (active.provenance, expressions.provenance)
UNION ALL
SELECT face_id, pressed.field, parted.field
FROM active AS pressed JOIN active AS parted USING (face_id)
WHERE pressed.field = 'au24' AND parted.field = 'au25' AND 'vllm' IN (pressed.provenance, parted.provenance)
