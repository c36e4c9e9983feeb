-- asset: samples
-- severity: error
-- blocking: true
-- rule: An answered valence or arousal lies in [-1, 1] and an answered expression is one of the eight words.
-- cure: an answer out of the vocabulary is a sample with the fault out_of_schema and no labels

SELECT face_id, arm, sample, expression, valence, arousal
FROM samples
WHERE NOT coalesce(valence BETWEEN -1 AND 1, true)
   OR NOT coalesce(arousal BETWEEN -1 AND 1, true)
   OR NOT coalesce(
     expression IN (
       'neutral', 'happiness', 'sadness', 'surprise', 'fear', 'disgust', 'anger', 'contempt'
     ), true)
