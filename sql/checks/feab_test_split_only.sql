-- asset: feab
-- severity: error
-- blocking: true
-- rule: Every benchmark item is of the test split, as its image is.
-- cure: materialize feab again; a face of the train split is seen in training

SELECT face_id, feab.image_id, feab.split, images.split AS image_split
FROM feab LEFT JOIN images USING (image_id)
WHERE feab.split != 'test' OR images.split IS DISTINCT FROM 'test'
