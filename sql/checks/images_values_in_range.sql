-- asset: images
-- severity: error
-- blocking: true
-- rule: Human valence and arousal lie in [-1, 1], intensities in 0 to 5; an expression is one of the eight words.
-- cure: check scale and code table of the source's label file; an unknown value is null, never a filler

WITH labels AS (
  SELECT image_id, source, path, expression, valence, arousal,
    least(*COLUMNS('_intensity$')) AS lowest_intensity,  -- both pass nulls over
    greatest(*COLUMNS('_intensity$')) AS highest_intensity
  FROM images
)
SELECT *
FROM labels
WHERE NOT coalesce(valence BETWEEN -1 AND 1, true)  -- NaN lies above every number, so it is caught too
   OR NOT coalesce(arousal BETWEEN -1 AND 1, true)
   OR lowest_intensity < 0
   OR highest_intensity > 5
   OR NOT coalesce(
     expression IN (
       'neutral', 'happiness', 'sadness', 'surprise', 'fear', 'disgust', 'anger', 'contempt'
     ), true)
