-- asset: feab_scores
-- severity: error
-- blocking: true
-- rule: A metric lies in its range, its interval is in order, and unreadable answers are among the items.
-- cure: materialize feab_scores of this model again; if it stays, emotion/metrics.py is wrong

SELECT model, source, field, metric, value, low, high, items, unreadable
FROM feab_scores
WHERE NOT coalesce(
    CASE WHEN metric IN ('ccc', 'pcc') THEN value BETWEEN -1 AND 1
         WHEN metric = 'rmse' THEN value BETWEEN 0 AND 2
         ELSE value BETWEEN 0 AND 1 END, true)
   OR NOT coalesce(low <= high, true)
   OR NOT (unreadable BETWEEN 0 AND items)
