-- asset: images
-- severity: error
-- blocking: true
-- rule: No two rows share an image_id.
-- cure: look for a file that a source lists twice, and mend that source's label files

SELECT image_id, count(*) AS times, min(path) AS first_path, max(path) AS last_path
FROM images
GROUP BY image_id
HAVING count(*) > 1
