-- asset: feid
-- severity: error
-- blocking: true
-- rule: No two rows share a face_id.
-- cure: materialize feid of this split again

SELECT face_id, count(*) AS times, min(image_id) AS first_image_id, max(image_id) AS last_image_id
FROM feid
GROUP BY face_id
HAVING count(*) > 1
