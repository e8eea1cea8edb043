-- :days days of ports at :stations stations (two ports each) and 60 sites, made up row by row: as many rows as such a network leaves, not its physics.
-- Minutes and scores of the whole time exist for the first four ports, of the last hours for all: a dashboard asks for one port's.
-- :end stands for the end; at least twelve days.

INSERT INTO site (site, name, time_zone, lat, lon)
SELECT 'S' || i, 'Site ' || i, 'Europe/Berlin', 47 + 7 * random(), 6 + 9 * random() FROM generate_series(1, 60) i;
INSERT INTO station (station, site, model, firmware, protocol, commissioned_at)
SELECT format('ST-%s', lpad(i::text, 4, '0')), 'S' || 1 + i % 60, 'Model ' || i % 8, '1.' || i % 5, 'ocpp16', :end - interval '2 years'
FROM generate_series(1, :stations) i;
INSERT INTO port (port, station, number, rated_w, phases, kind)
SELECT station || '/' || n, station, n, CASE WHEN model < 'Model 4' THEN 22000 ELSE 150000 END, 3, CASE WHEN model < 'Model 4' THEN 'ac' ELSE 'dc' END
FROM station, generate_series(1, 2) n ORDER BY station, n;

INSERT INTO uptime_daily SELECT port_no, d::date, 86400 - down, down, 0, down * 0.7, 0, down * 0.3, 0
FROM port, generate_series(:end - interval ':days days' + interval '1 day', :end, interval '1 day') d, LATERAL (SELECT CASE WHEN random() < 0.15 THEN random() * 20000 ELSE 0 END AS down) o;
INSERT INTO uptime_now SELECT :end, :end - interval '1 hour', port_no, 1, 1, 0.99, 0.95 + 0.05 * random(), 2592000,
    CASE WHEN port_no % 40 = 0 THEN 'down' ELSE 'up' END, CASE WHEN port_no % 40 = 0 THEN 'faulted' ELSE 'ok' END FROM port;
INSERT INTO availability
SELECT port_no, begins, CASE WHEN i < :days / 6 - 1 THEN ends END, 'up', 'ok', NULL FROM (
    SELECT port_no, i, :end - interval ':days days' + i * interval '6 days' AS begins, :end - interval ':days days' + (i + 1) * interval '6 days' - interval '5 hours' AS ends
    FROM port, generate_series(0, :days / 6 - 1) i) spans
UNION ALL
SELECT port_no, :end - interval ':days days' + (i + 1) * interval '6 days' - interval '5 hours', :end - interval ':days days' + (i + 1) * interval '6 days',
    'down', CASE i % 3 WHEN 0 THEN 'silence' ELSE 'faulted' END, NULL FROM port, generate_series(0, :days / 6 - 2) i;

INSERT INTO charging_session (port_no, session_key, token, state, outcome, party, stop_reason, attempt_at, started_at, ended_at, as_of, charging_s,
    suspended_ev_s, suspended_evse_s, idle_s, energy_wh, energy_integrated_wh, measured_s, power_s, power_max_w, power_mean_w, soc_start, soc_end,
    samples, register_resets, quality, needs_repair, version)
SELECT port_no, 's' || n, 'token' || (port_no * 31 + n) % 20000, 'closed', CASE WHEN random() < 0.9 THEN 'success' WHEN random() < 0.5 THEN 'cut' ELSE 'failed' END,
    'user', 'local', at, at, at + interval '45 minutes', at + interval '45 minutes', 2400, 100, 0, 200, 20000 * random(), 20000 * random(), 2700, 2400, 22000, 18000,
    20, 80, 45, 0, 0, false, 1
FROM generate_series(1, :days * 3) n, port, LATERAL (SELECT :end - n * interval '8 hours' + port_no % 400 * interval '1 minute' AS at) t;

INSERT INTO reading_1m (port_no, at, n, voltage_mean, voltage_min, voltage_max, current_mean, current_min, current_max, power_mean, power_min, power_max,
    temp_connector_mean, temp_connector_max, temp_internal_mean, temp_internal_max, temp_ambient_mean, power_offered_mean, soc_mean)
SELECT port_no, at, 6, 400, 398, 402, 30 + random(), 29, 33, 12000 + 100 * random(), 11000, 13000, 40 + random(), 42, 30, 32, 15, 22000, 50
FROM generate_series(:end - interval ':days days', :end, interval '1 minute') at, generate_series(1, 4) port_no;
INSERT INTO reading_1m (port_no, at, n, power_mean) SELECT port_no, at, 6, 12000
FROM generate_series(:end - interval '12 hours', :end, interval '1 minute') at, generate_series(5, 2 * :stations) port_no;
INSERT INTO reading (port_no, at, received_at, power, voltage, current) SELECT port_no, at, at + random() * interval '2 seconds', 12000, 400, 30
FROM generate_series(:end - interval '1 hour', :end, interval '10 seconds') at, generate_series(1, 2 * :stations) port_no;
INSERT INTO anomaly_score (port_no, at, score, probability, context, contributions)
SELECT port_no, at, score, 1 - power(10, -score), 'charging', CASE WHEN score > 1.9 THEN
    '{"temp_connector": {"share": 0.7, "observed": 80, "expected": 45, "unit": "degC"}, "current": {"share": 0.3, "observed": 1, "expected": 2, "unit": "A"}}'::jsonb END
FROM generate_series(:end - interval ':days days', :end, interval '2 minutes') at, generate_series(1, 4) port_no, LATERAL (SELECT random() * 2 * (port_no > 0)::int AS score) s;
INSERT INTO anomaly_score (port_no, at, score) SELECT port_no, at, random()
FROM generate_series(:end - interval '12 hours', :end, interval '10 minutes') at, generate_series(5, 2 * :stations) port_no;
INSERT INTO event (port_no, at, received_at, digest, kind, data)
SELECT port_no, at, at, 1, 'status', '{"status": "charging"}'::jsonb FROM generate_series(:end - interval ':days days', :end, interval '2 hours') at, generate_series(1, 4) port_no
UNION ALL SELECT port_no, at, at, 1, 'fault', '{"code": "CX017"}'::jsonb FROM generate_series(:end - interval ':days days', :end, interval '3 days') at, generate_series(1, 2 * :stations) port_no;

INSERT INTO incident (incident_id, port, station, family, severity, state, source, onset_at, opened_at, closed_at, why, ports)
SELECT gen_random_uuid(), port, station, (ARRAY['contactor', 'communication', 'cooling', 'contact_wear', 'power_module'])[1 + i % 5], 'P' || 1 + i % 4,
    CASE WHEN port_no % 50 = 0 AND i = 1 THEN 'open' ELSE 'closed' END, 'alert', at - random() * interval '10 minutes', at, CASE WHEN port_no % 50 <> 0 OR i <> 1 THEN at + interval '5 hours' END,
    'made up', ARRAY[port]
FROM port, generate_series(1, :days / 6 - 1, 3) i, LATERAL (SELECT :end - interval ':days days' + i * interval '6 days' AS at) t;
INSERT INTO inbox (alert_id, revision, incident_id, subject, said_at, received_at, historic, body)
SELECT gen_random_uuid(), 1, incident_id, port, opened_at, opened_at + random() * interval '3 seconds', false,
    jsonb_build_object('port', port, 'family', family, 'kind', 'anomaly', 'severity', severity, 'state', 'cleared', 'onset_at', onset_at,
        'raised_at', opened_at, 'cleared_at', opened_at + interval '5 hours', 'text', 'made up', 'source', 'anomaly', 'score', 3)
FROM incident;
INSERT INTO work_order (order_id, number, port, station, family, priority, state, source, what, why, bring, checks, onset_at, opened_at, respond_by,
    restore_by, state_since, responded_at, resolved_at)
SELECT gen_random_uuid(), 'WO-' || row_number() OVER (ORDER BY opened_at), port, station, family, severity, CASE state WHEN 'open' THEN 'open' ELSE 'verified' END, 'alert',
    'made up', 'made up', '{}', '{}', onset_at, opened_at, opened_at + interval '2 hours', opened_at + interval '1 day', opened_at + interval '6 hours',
    opened_at + interval '1 hour', closed_at + random() * interval '2 days' FROM incident WHERE severity <> 'P4';
INSERT INTO finding (order_id, at, actor, found, family, mechanism, cause, activity, part, note)
SELECT order_id, resolved_at, 'user:crew', random() < 0.8, family, '2.4', (ARRAY['wear', 'weather', 'vandalism', 'unknown'])[1 + floor(4 * random())::int],
    'replace', 'part', '' FROM work_order WHERE resolved_at IS NOT NULL;

INSERT INTO audit_sum SELECT 'store', station, at, 3600, 5 * (random() < 0.1)::int, 0, (random() < 0.02)::int
FROM generate_series(date_trunc('hour', :end) - interval ':days days' + interval '1 day', :end, interval '1 hour') at, station;
INSERT INTO reject SELECT '00n', i, 0, :end - i * interval '1 minute', 'ST-' || i % 50, 'ev/X/from/reading', (ARRAY['json', 'schema', 'clock'])[1 + i % 3], 'made up'
FROM generate_series(1, 43200) i;

-- Risks: two models, hourly for thirty days; a tenth of the ports stands out. Reasons as the failure flow writes them.
INSERT INTO model (version, state, source, trained_at, from_at, to_at, level, features, scores, digest, body)
SELECT v, s, 'made up', :end - interval '40 days', :end - interval '400 days', :end - interval '40 days', 0.4, '[]',
    '{"pr_auc.7d": 0.3, "pr_auc.7d.cooling": 0.4, "brier.score": 0.01, "calibration": 0.002, "lead_h": 60, "found": 0.5}'::jsonb, '', ''
FROM (VALUES ('m1', 'live'), ('m2', 'shadow')) m (v, s);
INSERT INTO failure_risk (port_no, at, family, p_24h, p_7d, p_30d, expected_lead_s, reasons, model_version, shadow)
SELECT port_no, at, (ARRAY['contactor', 'cooling', 'contact_wear'])[1 + port_no % 3], p / 5, p, 1 - (1 - p) * 0.7, 4e5,
    '[{"feature": "fan.slope.5", "effect": 1.5, "text": "fan speed: trend, 5 days"}, {"feature": "age", "effect": 0.2, "text": "time on record"},
      {"feature": "score.mean.1", "effect": -0.1, "text": "anomaly score: mean, 1 day"}]'::jsonb, m.version, m.state = 'shadow'
FROM generate_series(date_trunc('hour', :end) - interval '30 days', :end, interval '1 hour') at, generate_series(1, 2 * :stations) port_no, model m,
    LATERAL (SELECT (CASE WHEN port_no % 10 = 0 THEN 0.5 ELSE 0.01 END * (0.5 + random()))::real AS p) r;
INSERT INTO label (port, start_at, fault, source, who)
SELECT port, :end - random() * interval ':days days', 'cooling', 'technician', 'made up' FROM port, generate_series(1, 5);
INSERT INTO incident (incident_id, port, station, family, severity, state, source, onset_at, opened_at, closed_at, why, probability, ports, predicted_at)
SELECT gen_random_uuid(), port, station, 'cooling', 'P3', 'closed', 'alert', at, at, at + interval '8 days', 'made up', 0.5, ARRAY[port], at + interval '5 days'
FROM port, generate_series(1, 12) i, LATERAL (SELECT :end - i * interval '30 days' AS at) t WHERE port_no % 10 = 0;
INSERT INTO work_order (order_id, number, port, station, family, priority, state, source, what, why, bring, checks, onset_at, opened_at, restore_by, state_since,
    predicted_at, planned_from, planned_to, model_version)
SELECT gen_random_uuid(), 'WO-P' || row_number() OVER (ORDER BY opened_at, port), port, station, family, 'P3', 'verified', 'alert', 'made up', 'made up', '{}', '{}',
    onset_at, opened_at, opened_at + interval '10 days', closed_at, predicted_at, predicted_at - interval '1 day', predicted_at, 'm1'
FROM incident WHERE predicted_at IS NOT NULL;
