-- asset: records
-- severity: error
-- blocking: true
-- rule: Every face of FEID has one record per task, with question and answer and no <image> token inside.
-- cure: materialize feid of this split again; the export puts the <image> token, not the text

SELECT face_id, NULL AS record_id,
       'tasks: ' || coalesce(string_agg(DISTINCT task, ', ' ORDER BY task), 'none') AS problem
FROM feid LEFT JOIN records USING (face_id)
GROUP BY face_id
HAVING count(task) != 4 OR count(DISTINCT task) != 4
UNION ALL
SELECT face_id, record_id, 'empty question or answer'
FROM records
WHERE trim(question) = '' OR trim(answer) = ''
UNION ALL
SELECT face_id, record_id, '<image> token in the text'
FROM records
WHERE contains(question, '<image>') OR contains(answer, '<image>')
UNION ALL
SELECT face_id, record_id, 'no such face in feid'
FROM records ANTI JOIN feid USING (face_id)
UNION ALL
SELECT min(face_id), record_id, 'record_id is not unique'
FROM records
GROUP BY record_id
HAVING count(*) > 1
