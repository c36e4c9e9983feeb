-- asset: faces
-- severity: error
-- blocking: true
-- rule: A crop cut by its box has no landmarks and no tilt; one aligned by landmarks has five and a tilt.
-- cure: store landmarks only where the detector gave them; a box's corners are no landmarks

SELECT face_id, image_id, alignment, landmarks_px, roll_degrees
FROM faces
WHERE (alignment = 'box' AND (landmarks_px IS NOT NULL OR roll_degrees IS NOT NULL))
   OR (alignment = 'landmarks' AND (coalesce(len(landmarks_px), 0) != 10 OR roll_degrees IS NULL))
   OR (alignment IS NULL AND landmarks_px IS NOT NULL)
