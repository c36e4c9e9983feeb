-- view: Per source, arm and field: how often an arm's answers are the face's verdict, or how far off they are.
-- stored: true
-- answers: Answers of this arm that gave the field a value.
-- same_share: Share of them that equal the verdict's value; null for valence and arousal.
-- mean_distance: Mean distance from the verdict's value; valence and arousal only.

WITH answers AS (
  UNPIVOT (
    SELECT face_id, arm, COLUMNS('^(expression|valence|arousal|au\d\d)$')::VARCHAR
    FROM samples
    WHERE fault IS NULL
  ) ON COLUMNS(* EXCLUDE (face_id, arm)) INTO NAME field VALUE answer
)
SELECT source,
       arm,
       field,
       any_value(grain) AS grain,
       count(*) AS answers,
       avg(CASE grain
             WHEN 'expression' THEN (answer = word)::INTEGER
             WHEN 'action_units' THEN (answer::BOOLEAN = (number = 1))::INTEGER
           END) AS same_share,
       avg(CASE grain WHEN 'valence_arousal' THEN abs(answer::DOUBLE - number) END) AS mean_distance
FROM answers JOIN verdicts USING (face_id, field)
GROUP BY source, arm, field
ORDER BY source, arm, grain, field
