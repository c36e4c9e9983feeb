-- asset: samples
-- severity: error
-- blocking: true
-- rule: All answers about a face come from one model and one version of the prompt.
-- cure: materialize samples of this shard again: answers of two models are no Monte Carlo sample

SELECT face_id, count(DISTINCT model) AS models, count(DISTINCT prompt_version) AS prompt_versions,
       min(model) AS one_model, max(model) AS other_model
FROM samples
GROUP BY face_id
HAVING count(DISTINCT model) > 1 OR count(DISTINCT prompt_version) > 1
