-- asset: feab
-- severity: error
-- blocking: true
-- rule: No benchmark item shares its image, subject, video or crop with a face of the train split.
-- cure: find out why the source's splits overlap, or leave the item out

WITH train AS (
  SELECT DISTINCT source,
         unnest(['image', 'subject', 'video']) AS shared, unnest([image_id, subject, video]) AS mark
  FROM images
  WHERE split = 'train'
),
train_crops AS (SELECT DISTINCT crop_hash AS mark FROM faces WHERE split = 'train'),
items AS (
  SELECT face_id, images.source,
         unnest(['image', 'subject', 'video']) AS shared,
         unnest([images.image_id, images.subject, images.video]) AS mark
  FROM feab JOIN images ON images.image_id = feab.image_id
)
SELECT face_id, source, shared, mark
FROM items JOIN train USING (source, shared, mark)
UNION ALL
SELECT face_id, source, 'crop', crop_hash
FROM feab JOIN train_crops ON train_crops.mark = feab.crop_hash
