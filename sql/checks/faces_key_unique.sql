-- asset: faces
-- severity: error
-- blocking: true
-- rule: No two rows share a face_id.
-- cure: materialize the shard again; if it stays, the key of a face is not made from image and place

SELECT face_id, count(*) AS times, min(image_id) AS first_image_id, max(image_id) AS last_image_id
FROM faces
GROUP BY face_id
HAVING count(*) > 1
