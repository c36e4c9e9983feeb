-- asset: faces
-- severity: error
-- blocking: true
-- rule: Every image has a face, or one row that says why it has none.
-- cure: materialize faces of this shard again; an image must never vanish without a reason

-- A shard that is not done yet is no offence among others; a single shard without any row is.
SELECT image_id, shard, path
FROM images ANTI JOIN faces USING (image_id)
WHERE shard IN (SELECT shard FROM faces)
   OR (SELECT count(DISTINCT shard) FROM images) = 1
