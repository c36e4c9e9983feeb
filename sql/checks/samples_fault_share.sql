-- asset: samples
-- severity: warn
-- blocking: false
-- rule: At most a fifth of a shard's answers is faulty.
-- cure: look at samples.fault: another model for refusals, max_output_tokens for length, concurrency for timeouts

SELECT shard, model, count(*) AS answers, count(fault) AS faulty_answers, mode(fault) AS commonest_fault
FROM samples
GROUP BY shard, model
HAVING count(fault) > 0.2 * count(*)
