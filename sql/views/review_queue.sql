-- view: Rejected fields for a person to look at, the most uncertain of each grain first.
-- reason: Why it was rejected.
-- uncertainty_rank: Rank of the spread among the rejected fields of the grain: 1 is the most uncertain.

-- Bits and standard deviations do not compare, so the order is by rank within the grain.
SELECT face_id,
       field,
       verdicts.source,
       path,
       word,
       number,
       reason,
       rule,
       samples,
       confidence,
       half_width,
       predictive,
       epistemic,
       percent_rank() OVER (PARTITION BY grain ORDER BY coalesce(predictive, 0)) AS uncertainty_rank
FROM verdicts JOIN (SELECT image_id, path FROM images) AS places USING (image_id)
WHERE verdict = 'rejected'
ORDER BY uncertainty_rank DESC, face_id, field
