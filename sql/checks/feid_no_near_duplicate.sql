-- asset: feid
-- severity: error
-- blocking: true
-- rule: No face of FEID looks like a test face.
-- cure: materialize near_duplicates, then feid again

SELECT feid.face_id, near_duplicates.test_face_id, near_duplicates.distance_bits
FROM feid JOIN near_duplicates ON near_duplicates.face_id = feid.face_id
