-- asset: images
-- severity: error
-- blocking: true
-- rule: The name of a shard says the source and the split of every image in it.
-- cure: delete this shard's partition of images and materialize it again; never edit a shard by hand

SELECT image_id, shard, source, split
FROM images
WHERE NOT regexp_full_match(shard, source || '-' || split || '-[0-9]{5,}')
