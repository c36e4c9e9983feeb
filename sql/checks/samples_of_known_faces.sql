-- asset: samples
-- severity: error
-- blocking: true
-- rule: Every answer belongs to a face of the faces table, in the same shard.
-- cure: materialize samples of this shard again: faces was made anew since

SELECT samples.face_id, arm, sample, samples.shard, faces.shard AS face_shard, faces.reason
FROM samples LEFT JOIN faces ON faces.face_id = samples.face_id
WHERE faces.face_id IS NULL OR faces.reason IS NOT NULL OR faces.shard != samples.shard
