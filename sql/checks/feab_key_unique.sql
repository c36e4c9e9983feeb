-- asset: feab
-- severity: error
-- blocking: true
-- rule: No two items share a face_id, and no two items of a source share an image.
-- cure: materialize feab again

SELECT source, image_id, count(*) AS times, min(face_id) AS first_face_id, max(face_id) AS last_face_id
FROM feab
GROUP BY source, image_id
HAVING count(*) > 1
UNION ALL
SELECT min(source), min(image_id), count(*), face_id, face_id
FROM feab
GROUP BY face_id
HAVING count(*) > 1
