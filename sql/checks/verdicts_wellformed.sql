-- asset: verdicts
-- severity: error
-- blocking: true
-- rule: A value fits its field, and verdict, reason and provenance go together.
-- cure: materialize verdicts of this shard again; if it stays, emotion/verdict.py is wrong

SELECT face_id, field, word, number, provenance, verdict, reason
FROM verdicts
WHERE (field = 'expression' AND number IS NOT NULL)
   OR (field != 'expression' AND word IS NOT NULL)
   OR NOT coalesce(
     word IN (
       'neutral', 'happiness', 'sadness', 'surprise', 'fear', 'disgust', 'anger', 'contempt'
     ), true)
   OR (field IN ('valence', 'arousal') AND NOT coalesce(number BETWEEN -1 AND 1, true))
   OR (grain = 'action_units' AND NOT coalesce(number IN (0, 1), true))
   OR (verdict != 'rejected' AND word IS NULL AND number IS NULL)
   OR (verdict = 'anchored') != (provenance = 'human')
   OR (verdict = 'anchored') != (reason = 'human_label')
   OR (verdict = 'accepted') != (reason = 'agreed')
   OR (verdict = 'accepted' AND provenance != 'vllm')
   OR NOT coalesce(confidence BETWEEN 0 AND 1, true)
