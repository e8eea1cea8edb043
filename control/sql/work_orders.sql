-- next_number: the next number of a counter; its row stays locked until the transaction ends, so none is missing
UPDATE counter SET value = value + 1 WHERE name = %(name)s RETURNING value;

-- order_active_of: the order that is being worked on for a port and family, locked
SELECT * FROM work_order WHERE port = %(port)s AND family = %(family)s AND state NOT IN ('resolved', 'verified', 'cancelled') FOR UPDATE;

-- order_of_id: one order, locked
SELECT * FROM work_order WHERE order_id = %(order_id)s FOR UPDATE;

-- order_of_number: one order by its number, locked
SELECT * FROM work_order WHERE number = %(number)s FOR UPDATE;

-- order_of_danger: an active order about these families at a port, whose failure is not only expected
SELECT * FROM work_order WHERE port = %(port)s AND family = ANY(%(families)s) AND predicted_at IS NULL
  AND state NOT IN ('resolved', 'verified', 'cancelled') ORDER BY opened_at, order_id LIMIT 1 FOR UPDATE;

-- order_add: a new order
INSERT INTO work_order (order_id, number, port, station, family, priority, state, source, what, why, bring, checks, onset_at, opened_at,
    respond_by, safe_by, restore_by, state_since)
VALUES (%(order_id)s, %(number)s, %(port)s, %(station)s, %(family)s, %(priority)s, %(state)s, %(source)s, %(what)s, %(why)s, %(bring)s,
    %(checks)s, %(onset_at)s, %(opened_at)s, %(respond_by)s, %(safe_by)s, %(restore_by)s, %(state_since)s)
RETURNING *;

-- order_update: more urgent, better explained, or raised again
UPDATE work_order SET priority = %(priority)s, why = %(why)s, onset_at = %(onset_at)s, respond_by = %(respond_by)s, safe_by = %(safe_by)s,
    restore_by = %(restore_by)s, cleared_at = NULL
WHERE order_id = %(order_id)s RETURNING *;

-- orders_of_site_out: the active orders about stations that are out, locked, if all stations in service of the site, two at least, are out.
-- A station is out while an alert of an open incident of these families goes on that says so: it is silent, or faulted as a whole
WITH dark AS (
    SELECT i.station, i.order_id
    FROM station mine JOIN station s USING (site) JOIN incident i ON i.station = s.station JOIN inbox n USING (incident_id)
    WHERE mine.station = %(station)s AND i.state = 'open' AND i.family = ANY(%(families)s) AND i.predicted_at IS NULL
      AND n.body->>'state' <> 'cleared' AND NOT EXISTS (SELECT FROM inbox x WHERE x.alert_id = n.alert_id AND x.revision > n.revision)
      AND (n.body->>'kind' = 'silence'
           OR (n.body @> '{"kind": "status", "evidence": {"faulted": true}}' AND n.body->>'port' = i.station || '/0'))
), site_out AS (
    SELECT coalesce(nullif(t.name, ''), t.site) AS site_name, count(*) AS stations
    FROM station mine JOIN site t USING (site) JOIN station s ON s.site = t.site
    WHERE mine.station = %(station)s AND coalesce(s.commissioned_at <= %(now)s, true) AND coalesce(s.retired_at > %(now)s, true)
    GROUP BY t.site, t.name HAVING count(*) > 1 AND bool_and(s.station IN (SELECT station FROM dark))
)
SELECT w.*, o.site_name, o.stations FROM work_order w CROSS JOIN site_out o
WHERE w.order_id IN (SELECT order_id FROM dark) AND w.state NOT IN ('resolved', 'verified', 'cancelled')
ORDER BY w.order_id FOR UPDATE OF w;

-- order_hurry: more urgent, else as it was
UPDATE work_order SET priority = %(priority)s, respond_by = %(respond_by)s, safe_by = %(safe_by)s, restore_by = %(restore_by)s
WHERE order_id = %(order_id)s;

-- order_plan: a failure is expected, or not any more (then all is null)
UPDATE work_order SET predicted_at = %(predicted_at)s, planned_from = %(planned_from)s, planned_to = %(planned_to)s,
    model_version = %(model_version)s, restore_by = %(restore_by)s
WHERE order_id = %(order_id)s RETURNING *;

-- charging_since: when a port (number 0: any of its station) charged since
SELECT c.started_at, c.ended_at FROM charging_session c JOIN port p USING (port_no)
WHERE (p.port = %(port)s OR p.station || '/0' = %(port)s) AND c.started_at > %(since)s AND c.ended_at IS NOT NULL
ORDER BY c.started_at;

-- zone_of_station: the time zone of a station's site
SELECT coalesce(t.time_zone, 'UTC') AS time_zone FROM station s LEFT JOIN site t ON t.site = s.site WHERE s.station = %(station)s;

-- order_mark_cleared: the alerts are over, the order goes on
UPDATE work_order SET cleared_at = %(cleared_at)s WHERE order_id = %(order_id)s;

-- order_move: into another state
UPDATE work_order SET state = %(state)s, state_since = %(at)s,
    assignee = CASE WHEN %(state)s IN ('acknowledged', 'dispatched', 'on_site') THEN %(assignee)s
                    WHEN %(state)s = 'open' THEN NULL ELSE assignee END,
    responded_at = CASE WHEN %(state)s IN ('acknowledged', 'dispatched', 'on_site', 'waiting_parts', 'waiting_utility')
                        THEN coalesce(responded_at, %(at)s) ELSE responded_at END,
    resolved_at = CASE WHEN %(state)s = 'resolved' THEN %(at)s WHEN %(state)s = 'verified' THEN resolved_at END,
    ended_because = CASE WHEN %(state)s IN ('resolved', 'verified', 'cancelled') THEN %(reason)s END
WHERE order_id = %(order_id)s RETURNING *;

-- orders_list: orders, the active and most pressing first, then those that ended, the last first
SELECT w.*, s.site, t.name AS site_name
FROM work_order w LEFT JOIN station s USING (station) LEFT JOIN site t ON t.site = s.site
CROSS JOIN LATERAL (SELECT w.state IN ('resolved', 'verified', 'cancelled')) AS e (ended)
WHERE (%(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s))
  AND (%(states)s::text[] IS NULL OR w.state = ANY(%(states)s))
  AND (%(assignee)s::text IS NULL OR w.assignee = %(assignee)s)
  AND (%(station)s::text IS NULL OR w.station = %(station)s)
ORDER BY e.ended, CASE WHEN e.ended THEN w.state_since END DESC, w.priority, w.restore_by, w.number
LIMIT %(limit)s OFFSET %(offset)s;

-- order_show: one order with its site
SELECT w.*, s.site, t.name AS site_name, coalesce(t.time_zone, 'UTC') AS time_zone, t.lat, t.lon, s.model, s.serial, s.firmware
FROM work_order w LEFT JOIN station s USING (station) LEFT JOIN site t ON t.site = s.site
WHERE w.number = %(number)s AND (%(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s));

-- finding_add: what a technician found and did
INSERT INTO finding (order_id, at, actor, found, family, mechanism, cause, activity, part, note)
VALUES (%(order_id)s, %(at)s, %(actor)s, %(found)s, %(family)s, %(mechanism)s, %(cause)s, %(activity)s, %(part)s, %(note)s);

-- findings_of: what was found for an order
SELECT at, actor, found, family, mechanism, cause, activity, part, note FROM finding WHERE order_id = %(order_id)s ORDER BY finding_no;

-- label_add: what the finding says to those who learn from it
INSERT INTO label (port, start_at, end_at, fault, variant, ramp_s, source, who, note, present, order_id)
VALUES (%(port)s, %(start_at)s, %(end_at)s, %(fault)s, %(variant)s, %(ramp_s)s, %(source)s, %(who)s, %(note)s, %(present)s, %(order_id)s);

-- orders_to_verify: repaired orders with a successful session at their port since
SELECT w.number, min(c.ended_at) AS ended_at, min(c.session_key) AS session_key
FROM work_order w
JOIN port p ON p.station = w.station AND (p.port = w.port OR w.port = w.station || '/0')
JOIN charging_session c ON c.port_no = p.port_no AND c.started_at > w.resolved_at AND c.outcome = 'success'
WHERE w.state = 'resolved' GROUP BY w.number ORDER BY w.number LIMIT 100;

-- order_station: whose order it is
SELECT station FROM work_order WHERE number = %(number)s;
