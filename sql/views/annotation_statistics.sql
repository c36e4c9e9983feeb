-- view: Per source, split and field: how many values are human, accepted or rejected, and after how many answers.
-- stored: true
-- faces: Faces with a verdict on this field.
-- anchored: Faces whose value is human.
-- accepted: Faces whose value is the VLLM's and was accepted.
-- rejected: Faces whose value was rejected.
-- anchored_share: Of all faces.
-- accepted_share_of_asked: Of the faces that no human labelled.
-- mean_answers: Answers with a value, per face that no human labelled.
-- mean_confidence: Posterior probability of the leading value; null for valence and arousal.
-- mean_half_width: Half the 90 % interval of the mean; valence and arousal only.
-- mean_predictive: Spread over all answers, in bits (valence, arousal: sd).
-- mean_epistemic: The part of it between arms: the model wavers when the question is turned.

SELECT source,
       split,
       field,
       any_value(grain) AS grain,
       count(*) AS faces,
       count(*) FILTER (verdict = 'anchored') AS anchored,
       count(*) FILTER (verdict = 'accepted') AS accepted,
       count(*) FILTER (verdict = 'rejected') AS rejected,
       anchored / faces AS anchored_share,
       accepted / nullif(accepted + rejected, 0) AS accepted_share_of_asked,
       avg(samples) FILTER (verdict != 'anchored') AS mean_answers,
       avg(confidence) FILTER (verdict != 'anchored') AS mean_confidence,
       avg(half_width) FILTER (verdict != 'anchored') AS mean_half_width,
       avg(predictive) FILTER (verdict != 'anchored') AS mean_predictive,
       avg(epistemic) FILTER (verdict != 'anchored') AS mean_epistemic
FROM verdicts
GROUP BY source, split, field
ORDER BY source, split, grain, field
