-- lock_station: one transaction at a time for what concerns a station; held until it ends
SELECT pg_advisory_xact_lock(%(key)s);

-- inbox_newest: the newest revision of an alert that was taken, and its incident
SELECT revision, incident_id, body->>'state' AS state FROM inbox WHERE alert_id = %(alert_id)s ORDER BY revision DESC LIMIT 1;

-- inbox_add: mark a revision as taken
INSERT INTO inbox (alert_id, revision, incident_id, subject, said_at, received_at, historic, body)
VALUES (%(alert_id)s, %(revision)s, %(incident_id)s, %(subject)s, %(said_at)s, %(received_at)s, %(historic)s, %(body)s);

-- inbox_alerts: the alerts that an incident has now: each in its newest revision, and what it said last before it cleared
SELECT i.body, (SELECT t.body FROM inbox t WHERE t.alert_id = i.alert_id AND t.body->>'state' <> 'cleared'
                ORDER BY t.revision DESC LIMIT 1) AS told
FROM inbox i
WHERE i.incident_id = %(incident_id)s AND NOT EXISTS (SELECT FROM inbox n WHERE n.alert_id = i.alert_id AND n.revision > i.revision)
ORDER BY i.alert_id;

-- inbox_reject: keep what could not be taken
INSERT INTO inbox_reject (topic, shard, origin, received_at, key, reason, detail, body)
VALUES (%(topic)s, %(shard)s, %(origin)s, %(received_at)s, %(key)s, %(reason)s, %(detail)s, %(body)s)
ON CONFLICT DO NOTHING;

-- inbox_rejects: what could not be taken, newest first
SELECT topic, shard, origin, received_at, key, reason, detail FROM inbox_reject ORDER BY received_at DESC LIMIT %(limit)s;

-- change_log_add: one line of the change log
INSERT INTO change_log (actor, action, kind, subject, reason, data)
VALUES (%(actor)s, %(action)s, %(kind)s, %(subject)s, %(reason)s, %(data)s);

-- change_log_of: the history of one subject
SELECT change_no, at, actor, action, reason, data FROM change_log WHERE kind = %(kind)s AND subject = %(subject)s ORDER BY change_no;

-- note_add: something said or done about an incident or an order
INSERT INTO note (incident_id, order_id, at, actor, kind, text, data)
VALUES (%(incident_id)s, %(order_id)s, %(at)s, %(actor)s, %(kind)s, %(text)s, %(data)s);

-- notes_of_incident: all that was said about an incident and its order; of credits only with `credits`
SELECT note_no, at, recorded_at, actor, kind, text, data FROM note
WHERE (incident_id = %(incident_id)s OR (order_id = %(order_id)s AND incident_id IS NULL)) AND (%(credits)s OR kind <> 'credit')
ORDER BY note_no;

-- notes_of_order: all that was said about an order and its incidents; of credits only with `credits`
SELECT note_no, at, recorded_at, actor, kind, text, data FROM note
WHERE (order_id = %(order_id)s OR incident_id IN (SELECT incident_id FROM incident WHERE order_id = %(order_id)s))
  AND (%(credits)s OR kind <> 'credit')
ORDER BY note_no;

-- change_visible: whether a subject of the change log is at one of the sites
SELECT 1 AS visible FROM (
    SELECT station FROM incident WHERE %(kind)s = 'incident' AND incident_id::text = %(subject)s
    UNION ALL SELECT station FROM work_order WHERE %(kind)s = 'work_order' AND number = %(subject)s
    UNION ALL SELECT station FROM command WHERE %(kind)s = 'command' AND command_id::text = %(subject)s
    UNION ALL SELECT p.station FROM credit c JOIN port p USING (port) WHERE %(kind)s = 'credit' AND c.credit_id::text = %(subject)s
) AS found LEFT JOIN station s USING (station)
WHERE %(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s);
