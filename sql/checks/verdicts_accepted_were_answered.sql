-- asset: verdicts
-- severity: error
-- blocking: true
-- rule: What was accepted was answered: a word or an action unit in so many words, a number between answers.
-- cure: materialize verdicts of this shard again: samples was made anew since

WITH answers AS (
  UNPIVOT (SELECT face_id, COLUMNS('^(expression|valence|arousal|au\d\d)$')::VARCHAR FROM samples WHERE fault IS NULL)
  ON COLUMNS(* EXCLUDE face_id) INTO NAME field VALUE answer
),
spread AS (
  SELECT face_id, field, list(DISTINCT answer) AS answers,
         min(try_cast(answer AS DOUBLE)) AS lowest, max(try_cast(answer AS DOUBLE)) AS highest
  FROM answers
  GROUP BY face_id, field
)
SELECT face_id, field, word, number, answers
FROM verdicts LEFT JOIN spread USING (face_id, field)
WHERE verdict = 'accepted'
  AND NOT coalesce(
    CASE grain
      WHEN 'expression' THEN list_contains(answers, word)
      WHEN 'action_units' THEN list_contains(answers, (number = 1)::VARCHAR)
      ELSE number BETWEEN lowest - 0.001 AND highest + 0.001  -- a mean is rounded to 3 decimals
    END, false)
