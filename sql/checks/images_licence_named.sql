-- asset: images
-- severity: warn
-- blocking: false
-- rule: Every image carries the terms under which its source lets it be used.
-- cure: set `licence` for this source in the settings

SELECT image_id, source, path
FROM images
WHERE trim(coalesce(licence, '')) = ''
