-- view: Per source, split and expression: faces of FEID, and how many have their grains from whom.
-- stored: true
-- faces: Faces of FEID with this expression.
-- expression_human: Of these, faces whose expression is human.
-- valence_arousal_human: Of these, faces whose valence and arousal are human.
-- action_units_human: Of these, faces whose action units are all human.
-- mean_valence: Mean valence.
-- mean_arousal: Mean arousal.
-- mean_lowest_confidence: Mean over faces of the least sure of the VLLM's fields.

SELECT source,
       split,
       expression,
       count(*) AS faces,
       count(*) FILTER (expression_from = 'human') AS expression_human,
       count(*) FILTER (valence_arousal_from = 'human') AS valence_arousal_human,
       count(*) FILTER (action_units_from = 'human') AS action_units_human,
       avg(valence) AS mean_valence,
       avg(arousal) AS mean_arousal,
       avg(lowest_confidence) AS mean_lowest_confidence
FROM feid
GROUP BY source, split, expression
ORDER BY source, split, expression
