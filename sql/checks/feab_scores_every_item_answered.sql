-- asset: feab_scores
-- severity: error
-- blocking: true
-- rule: A model that is scored has one answer, or one fault, for every item of the benchmark.
-- cure: materialize feab_scores of this model again; it resumes from the journal

WITH expected AS (SELECT DISTINCT model, feab.face_id FROM feab_scores CROSS JOIN feab)
SELECT model, face_id, count(feab_answers.face_id) AS answers
FROM expected LEFT JOIN feab_answers USING (model, face_id)
GROUP BY model, face_id
HAVING count(feab_answers.face_id) != 1
