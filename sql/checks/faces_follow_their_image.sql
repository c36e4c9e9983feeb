-- asset: faces
-- severity: error
-- blocking: true
-- rule: A face has the shard, source, split and subject of its image.
-- cure: materialize faces of this shard again: images was dealt anew since

SELECT face_id, image_id, faces.shard, faces.source, faces.split, faces.subject, images.shard AS image_shard
FROM faces LEFT JOIN images USING (image_id)
WHERE images.shard IS DISTINCT FROM faces.shard
   OR images.source IS DISTINCT FROM faces.source
   OR images.split IS DISTINCT FROM faces.split
   OR images.subject IS DISTINCT FROM faces.subject
