-- view: Per shard, model and prompt: requests, answers, faults, tokens, money and time.
-- stored: true
-- faces: Faces that were asked about.
-- requests: Requests sent; one brings several answers where the endpoint takes n.
-- answers: Answers received, faulty ones too.
-- faulty_answers: Answers without labels.
-- mean_answers_per_face: Answers, over faces.
-- input_tokens: Sum of prompt tokens.
-- output_tokens: Sum of completion tokens.
-- cost_usd: Sum over answers with a known price, in USD; null when none has one.
-- cost_usd_per_face: The same, over faces.
-- median_latency_s: Median time from asking to answer, in seconds.

SELECT shard,
       model,
       prompt_version,
       count(DISTINCT face_id) AS faces,
       count(DISTINCT request_hash) AS requests,
       count(*) AS answers,
       count(fault) AS faulty_answers,
       answers / faces AS mean_answers_per_face,
       round(sum(input_tokens), 3) AS input_tokens,
       round(sum(output_tokens), 3) AS output_tokens,
       round(sum(cost_usd), 6) AS cost_usd,
       round(sum(cost_usd) / count(DISTINCT face_id), 8) AS cost_usd_per_face,
       median(latency_s) AS median_latency_s
FROM samples
GROUP BY shard, model, prompt_version
ORDER BY shard, model, prompt_version
