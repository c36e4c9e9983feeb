-- asset: faces
-- severity: warn
-- blocking: false
-- rule: At most a fifth of a shard's images is without a face.
-- cure: look at faces.reason: try another detector or a lower min_score, or check the source's folder

SELECT shard,
       count(DISTINCT image_id) AS images,
       count(DISTINCT image_id) FILTER (reason IS NOT NULL) AS images_without_face,
       mode(reason) AS commonest_reason
FROM faces
GROUP BY shard
HAVING count(DISTINCT image_id) FILTER (reason IS NOT NULL) > 0.2 * count(DISTINCT image_id)
