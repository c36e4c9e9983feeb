-- asset: feid
-- severity: error
-- blocking: true
-- rule: No image, subject or video of one split is in the other.
-- cure: find out why the source's splits overlap; never publish FEID before they do not

WITH marks AS (
  SELECT DISTINCT source, split,
         unnest(['image', 'subject', 'video']) AS shared, unnest([image_id, subject, video]) AS mark
  FROM images
),
mine AS (
  SELECT face_id, feid.split, images.source,
         unnest(['image', 'subject', 'video']) AS shared,
         unnest([images.image_id, images.subject, images.video]) AS mark
  FROM feid JOIN images ON images.image_id = feid.image_id
)
SELECT face_id, mine.source, mine.split, marks.split AS other_split, shared, mark
FROM mine JOIN marks USING (source, shared, mark)
WHERE mine.split != marks.split
