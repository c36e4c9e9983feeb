-- asset: feid
-- severity: error
-- blocking: true
-- rule: A face of FEID carries the licence and the path of its image.
-- cure: materialize feid of this split again

SELECT feid.face_id, feid.image_id, feid.path, images.path AS image_path,
       feid.licence, images.licence AS image_licence
FROM feid LEFT JOIN images USING (image_id)
WHERE feid.path IS DISTINCT FROM images.path OR feid.licence IS DISTINCT FROM images.licence
