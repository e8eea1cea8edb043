-- incident_open_of: the open incident of a port and family, locked
SELECT * FROM incident WHERE port = %(port)s AND family = %(family)s AND state = 'open' FOR UPDATE;

-- incident_of_id: one incident, locked
SELECT * FROM incident WHERE incident_id = %(incident_id)s FOR UPDATE;

-- incident_count: how many incidents a port and family had that were no history
SELECT count(*) AS n FROM incident WHERE port = %(port)s AND family = %(family)s AND NOT history AND source = 'alert';

-- incident_add: a new incident; nothing if the port and family have an open one
INSERT INTO incident (incident_id, port, station, family, severity, state, source, history, onset_at, opened_at, closed_at,
    closed_because, why, score, probability, ports, predicted_at)
VALUES (%(incident_id)s, %(port)s, %(station)s, %(family)s, %(severity)s, %(state)s, %(source)s, %(history)s, %(onset_at)s,
    %(opened_at)s, %(closed_at)s, %(closed_because)s, %(why)s, %(score)s, %(probability)s, %(ports)s, %(predicted_at)s)
ON CONFLICT DO NOTHING
RETURNING *;

-- incident_update: what its alerts say together now
UPDATE incident SET severity = %(severity)s, onset_at = %(onset_at)s, opened_at = %(opened_at)s, why = %(why)s,
    score = %(score)s, probability = %(probability)s, ports = %(ports)s, predicted_at = %(predicted_at)s
WHERE incident_id = %(incident_id)s RETURNING *;

-- incident_close: end an open incident
UPDATE incident SET state = 'closed', closed_at = %(closed_at)s, closed_because = %(closed_because)s
WHERE incident_id = %(incident_id)s AND state = 'open' RETURNING *;

-- incident_set_order: the order that is about it
UPDATE incident SET order_id = %(order_id)s WHERE incident_id = %(incident_id)s;

-- incidents_open_of_order: open incidents that an order is about, locked
SELECT * FROM incident WHERE order_id = %(order_id)s AND state = 'open' ORDER BY incident_id FOR UPDATE;

-- incidents_of_order: incidents that an order is about
SELECT * FROM incident WHERE order_id = %(order_id)s ORDER BY opened_at;

-- incidents_list: incidents, the open and urgent ones first; `history`: only historic ones, false: none, null: both
SELECT i.*, s.site, t.name AS site_name, w.number, w.state AS order_state
FROM incident i LEFT JOIN station s USING (station) LEFT JOIN site t ON t.site = s.site LEFT JOIN work_order w USING (order_id)
WHERE (%(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s))
  AND (%(state)s::text IS NULL OR i.state = %(state)s)
  AND (%(family)s::text IS NULL OR i.family = %(family)s)
  AND (%(station)s::text IS NULL OR i.station = %(station)s)
  AND (%(history)s::boolean IS NULL OR i.history = %(history)s)
ORDER BY i.state = 'closed', CASE WHEN i.state = 'open' THEN i.severity END, coalesce(i.closed_at, i.opened_at) DESC, i.incident_id
LIMIT %(limit)s OFFSET %(offset)s;

-- incident_show: one incident with its site and order
SELECT i.*, s.site, t.name AS site_name, coalesce(t.time_zone, 'UTC') AS time_zone, w.number, w.state AS order_state
FROM incident i LEFT JOIN station s USING (station) LEFT JOIN site t ON t.site = s.site LEFT JOIN work_order w USING (order_id)
WHERE i.incident_id = %(incident_id)s AND (%(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s));

-- incidents_of_port: incidents at a port or at its whole station, newest first
SELECT i.*, w.number, w.state AS order_state FROM incident i LEFT JOIN work_order w USING (order_id)
WHERE i.station = %(station)s AND (i.port = %(port)s OR i.port = %(station)s || '/0' OR %(port)s = ANY(i.ports))
ORDER BY i.opened_at DESC LIMIT %(limit)s;

-- report_add: what a driver reported
INSERT INTO report (incident_id, port, at, problem, text) VALUES (%(incident_id)s, %(port)s, %(at)s, %(problem)s, %(text)s);

-- incident_station: whose incident it is
SELECT station FROM incident WHERE incident_id = %(incident_id)s;

-- incident_to_join: the open incident that a report belongs to: the same family first, then any at the port or its station
SELECT * FROM incident WHERE state = 'open' AND station = %(station)s AND (port = %(port)s OR port = %(station)s || '/0')
ORDER BY (port = %(port)s AND family = %(family)s) DESC, opened_at LIMIT 1 FOR UPDATE;

-- model_of_incident: the model whose word an incident is
SELECT body->'evidence'->>'model_version' AS version FROM inbox
WHERE incident_id = %(incident_id)s AND body->>'kind' = 'risk' ORDER BY revision DESC LIMIT 1;
