-- asset: samples
-- severity: error
-- blocking: true
-- rule: No answer is stored twice.
-- cure: materialize samples of this shard again; the journal replays what was paid for

SELECT face_id, arm, sample, count(*) AS times
FROM samples
GROUP BY face_id, arm, sample
HAVING count(*) > 1
