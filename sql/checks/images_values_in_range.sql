-- asset: images
-- severity: error
-- blocking: true
-- rule: A human valence or arousal lies in [-1, 1] and a human expression is one of the eight words.
-- cure: check scale and code table of the source's label file; an unknown value is null, never a filler

SELECT image_id, source, path, expression, valence, arousal
FROM images
WHERE NOT coalesce(valence BETWEEN -1 AND 1, true)  -- NaN lies above every number, so it is caught too
   OR NOT coalesce(arousal BETWEEN -1 AND 1, true)
   OR NOT coalesce(
     expression IN (
       'neutral', 'happiness', 'sadness', 'surprise', 'fear', 'disgust', 'anger', 'contempt'
     ), true)
