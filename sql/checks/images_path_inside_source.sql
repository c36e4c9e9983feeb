-- asset: images
-- severity: error
-- blocking: true
-- rule: The path of an image is relative and stays inside its source's folder.
-- cure: mend the path in the source's label file: no leading slash, no backslash, no '..'

SELECT image_id, source, path
FROM images
WHERE reason IS DISTINCT FROM 'outside_root'
  AND (path = '' OR starts_with(path, '/') OR contains(path, '\') OR list_contains(string_split(path, '/'), '..'))
