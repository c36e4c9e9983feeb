-- asset: faces
-- severity: error
-- blocking: true
-- rule: Of the faces of one image exactly one is the one that the source's labels describe.
-- cure: mark the largest face of the image as is_labelled_face, and no other

SELECT image_id, count(*) AS faces, count(*) FILTER (is_labelled_face) AS labelled_faces
FROM faces
WHERE reason IS NULL
GROUP BY image_id
HAVING count(*) FILTER (is_labelled_face) != 1
