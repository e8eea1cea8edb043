-- What dashboards ask, in the words of the people who read them. Columns and units: docs/views.md.

CREATE VIEW pub.port_now AS
SELECT p.port, p.station, p.number, coalesce(p.site, '(no site)') AS site, coalesce(nullif(p.site_name, ''), p.site, '(no site)') AS site_name,
       p.lat, p.lon, p.kind, p.rated_w, p.model, p.firmware, p.protocol, p.discovered, coalesce(u.state, 'unobserved') AS state,
       coalesce(u.reason, 'no_data') AS reason, u.detail, u.since, u.at, u.up_1h, u.up_24h, u.up_7d, u.up_30d, u.observed_s_30d,
       i.incidents, i.severity, w.number AS work_order, w.state AS work_order_state, p.port_no
FROM pub.port p
LEFT JOIN uptime_now u USING (port_no)
LEFT JOIN LATERAL (SELECT count(*)::int AS incidents, min(severity) AS severity FROM incident
                   WHERE state = 'open' AND port IN (p.port, p.station || '/0')) i ON true
LEFT JOIN LATERAL (SELECT number, state FROM work_order WHERE state NOT IN ('resolved', 'verified', 'cancelled')
                   AND port IN (p.port, p.station || '/0') ORDER BY priority, opened_at LIMIT 1) w ON true
WHERE p.number > 0 AND coalesce(p.retired_at > now(), true);
COMMENT ON VIEW pub.port_now IS 'Every charging port in service as it is now: state, rolling uptime, open incidents, its most urgent order';

CREATE VIEW pub.outage AS
SELECT p.port, p.station, coalesce(p.site, '(no site)') AS site, p.model, p.firmware, p.kind, o.from_at, nullif(o.ends, 'infinity') AS to_at,
       extract(epoch FROM least(o.ends, u.at) - o.from_at)::float8 AS seconds, o.reason, o.detail, p.port_no
FROM (SELECT port_no, from_at, reason, detail, first, CASE WHEN last THEN to_at ELSE lead(to_at) OVER (PARTITION BY port_no ORDER BY from_at) END AS ends
      FROM (SELECT port_no, from_at, coalesce(to_at, 'infinity') AS to_at, reason, detail,
                   lag(to_at) OVER neighbours IS DISTINCT FROM from_at AS first, to_at IS NULL OR lead(from_at) OVER neighbours IS DISTINCT FROM to_at AS last
            FROM availability WHERE state = 'down' WINDOW neighbours AS (PARTITION BY port_no ORDER BY from_at)) down
      WHERE first OR last) o
JOIN pub.port p USING (port_no) LEFT JOIN uptime_now u USING (port_no)
WHERE o.first AND p.number > 0;
COMMENT ON VIEW pub.outage IS 'Times without service: down intervals that follow each other at once are one outage, under its first reason';

CREATE VIEW pub.charging_daily AS
SELECT p.port, d.day, d.sessions, d.success, d.failed, d.cut, d.unknown, d.energy_wh, d.visits, d.first_time, d.troubled, d.port_no
FROM charging_daily d JOIN port p USING (port_no);
COMMENT ON VIEW pub.charging_daily IS 'Charging by port and UTC day of the start: sessions by outcome, energy, and visits that worked at the first attempt';

CREATE VIEW pub.visit AS
SELECT v.day, coalesce(p.site, '(no site)') AS site, v.station, p.port, p.model, p.firmware, v.started_at, v.ended_at, v.attempts, v.energy_wh, v.outcome, v.port_no
FROM visit v JOIN pub.port p USING (port_no);
COMMENT ON VIEW pub.visit IS 'Attempts of one driver at one station close after one another, and whether the first one worked; by UTC day. For sums: pub.charging_daily';

CREATE VIEW pub.alert AS
SELECT i.alert_id, i.revision, i.body ->> 'port' AS port, i.subject, i.body ->> 'family' AS family, i.body ->> 'kind' AS kind,
       i.body ->> 'severity' AS severity, i.body ->> 'state' AS state, (i.body ->> 'onset_at')::timestamptz AS onset_at,
       (i.body ->> 'raised_at')::timestamptz AS raised_at, (i.body ->> 'cleared_at')::timestamptz AS cleared_at, i.said_at, i.received_at,
       i.historic, (i.body ->> 'score')::float8 AS score, (i.body ->> 'probability')::float8 AS probability, i.body ->> 'text' AS text,
       i.body ->> 'source' AS source, i.incident_id
FROM inbox i;
COMMENT ON VIEW pub.alert IS 'Every revision of every alert that control took';

CREATE VIEW pub.alert_reject AS
SELECT topic, shard, origin, received_at, key, reason, detail FROM inbox_reject;
COMMENT ON VIEW pub.alert_reject IS 'Records of the alert topic that control set aside, and why';

CREATE VIEW pub.flow_state AS
SELECT flow, newest_at, extract(epoch FROM clock_timestamp() - newest_at)::float8 AS age_s
FROM (SELECT 'store' AS flow, (SELECT max(at) FROM reading_1m WHERE at > now() - interval '3 hours') AS newest_at
      UNION ALL SELECT 'uptime', (SELECT max(at) FROM uptime_now)
      UNION ALL SELECT 'anomaly', (SELECT max(at) FROM anomaly_score WHERE at > now() - interval '3 hours')
      UNION ALL SELECT 'control', (SELECT max(received_at) FROM inbox)) newest;
COMMENT ON VIEW pub.flow_state IS 'The newest time that each flow has written about; null: nothing for three hours (uptime, control: ever)';
