-- asset: faces
-- severity: error
-- blocking: true
-- rule: The box of a face is not empty and lies inside the upright image.
-- cure: check that the detector's boxes are scaled back to the upright image and cut at its edges

SELECT face_id, image_id, box_left_px, box_top_px, box_right_px, box_bottom_px, image_width_px, image_height_px
FROM faces
WHERE reason IS NULL
  AND NOT coalesce(
    0 <= box_left_px AND box_left_px < box_right_px AND box_right_px <= image_width_px
    AND 0 <= box_top_px AND box_top_px < box_bottom_px AND box_bottom_px <= image_height_px, false)
