-- asset: verdicts
-- severity: error
-- blocking: true
-- rule: Expression, valence and arousal of a face agree by EmoNet's rule, unless all three are human.
-- cure: materialize verdicts of this shard again; a contradiction must be rejected with its reason

-- The regions are those of emotion/knowledge.py (VA_REGIONS); a test holds the two together.
WITH points AS (
  SELECT face_id,
         max(word) FILTER (field = 'expression') AS expression,
         max(number) FILTER (field = 'valence') AS valence,
         max(number) FILTER (field = 'arousal') AS arousal,
         count(*) FILTER (provenance = 'vllm') AS fields_from_vllm
  FROM verdicts
  WHERE field IN ('expression', 'valence', 'arousal') AND verdict IN ('anchored', 'accepted')
  GROUP BY face_id
),
measured AS (
  SELECT *, valence * valence + arousal * arousal AS square, 0.2::DOUBLE * 0.2::DOUBLE AS centre
  FROM points
)
SELECT face_id, expression, valence, arousal, fields_from_vllm
FROM measured
WHERE fields_from_vllm > 0
  AND NOT CASE expression
    WHEN 'neutral' THEN square < centre
    WHEN 'happiness' THEN square > centre AND valence > 0
    WHEN 'sadness' THEN square > centre AND valence < 0
    WHEN 'surprise' THEN square > centre AND arousal > 0
    WHEN 'fear' THEN square > centre AND valence <= 0 AND arousal >= 0
    WHEN 'disgust' THEN square > 0.3::DOUBLE * 0.3::DOUBLE AND valence < 0
    WHEN 'anger' THEN square > centre AND arousal > 0
    WHEN 'contempt' THEN square > centre AND valence < 0
  END
