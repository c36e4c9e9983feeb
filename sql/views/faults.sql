-- view: Per shard, model, arm and fault: how many answers held no labels.
-- stored: true
-- answers: Answers with this fault.
-- share_of_arm: Of all answers of this shard, model and arm.

WITH arms AS (
  SELECT shard, model, arm, fault, count(*) OVER (PARTITION BY shard, model, arm) AS arm_answers
  FROM samples
)
SELECT shard, model, arm, fault, count(*) AS answers, count(*) / any_value(arm_answers) AS share_of_arm
FROM arms
WHERE fault IS NOT NULL
GROUP BY shard, model, arm, fault
ORDER BY answers DESC, shard, model, arm, fault
