-- Named queries: `-- name: what it is for`, then one statement. Parameters are %(named)s.

-- port_numbers: numbers of known ports
SELECT port, port_no FROM port WHERE port = ANY(%(ports)s);

-- discover_stations: enter stations that spoke before anyone registered them
INSERT INTO station (station, discovered)
SELECT station, true FROM unnest(%(stations)s::text[]) AS u (station)
WHERE NOT EXISTS (SELECT FROM station s WHERE s.station = u.station)
ORDER BY station
ON CONFLICT DO NOTHING;

-- discover_ports: enter ports that spoke before anyone registered them
INSERT INTO port (port, station, number, discovered)
SELECT port, station, number,
    number > 0 OR EXISTS (SELECT FROM station s WHERE s.station = u.station AND s.discovered)
FROM unnest(%(ports)s::text[], %(stations)s::text[], %(numbers)s::int[]) AS u (port, station, number)
ORDER BY port
ON CONFLICT DO NOTHING;

-- flow_progress: last stored raw offset of each shard of a flow
SELECT shard, origin FROM flow_progress WHERE flow = %(flow)s;

-- shard_progress: last stored raw offset of one shard
SELECT origin FROM flow_progress WHERE flow = %(flow)s AND shard = %(shard)s;

-- set_progress: mark what is stored, never going back
INSERT INTO flow_progress AS p (flow, shard, origin) VALUES (%(flow)s, %(shard)s, %(origin)s)
ON CONFLICT (flow, shard) DO UPDATE SET origin = greatest(p.origin, excluded.origin);

-- add_audit: what became of the lines of one write, by station and hour
INSERT INTO audit_recent (flow, shard, station, hour, stored, repeated, superseded, rejected)
VALUES (%(flow)s, %(shard)s, ARRAY(SELECT json_array_elements_text(%(station)s::json)), %(hour)s::bigint[],
    %(stored)s::bigint[], %(repeated)s::bigint[], %(superseded)s::bigint[], %(rejected)s::bigint[]);

-- fold_audit: add the outcomes of a shard's last writes to the sums
WITH gone AS (
    DELETE FROM audit_recent WHERE flow = %(flow)s AND shard = %(shard)s RETURNING *
), made AS (
    SELECT u.station, to_timestamp(u.hour * 3600) AS hour, sum(u.stored) AS stored, sum(u.repeated) AS repeated,
        sum(u.superseded) AS superseded, sum(u.rejected) AS rejected
    FROM gone g, unnest(g.station, g.hour, g.stored, g.repeated, g.superseded, g.rejected)
        AS u (station, hour, stored, repeated, superseded, rejected)
    GROUP BY u.station, u.hour
)
INSERT INTO audit_sum AS a (flow, station, hour, stored, repeated, superseded, rejected)
SELECT %(flow)s, station, hour, stored, repeated, superseded, rejected FROM made ORDER BY station, hour
ON CONFLICT (flow, station, hour) DO UPDATE SET
    stored = a.stored + excluded.stored, repeated = a.repeated + excluded.repeated,
    superseded = a.superseded + excluded.superseded, rejected = a.rejected + excluded.rejected;

-- lock_holder: who holds an advisory lock
SELECT a.application_name, l.pid, a.backend_start
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.classid::bigint = (%(key)s::bigint >> 32) & 4294967295 AND l.objid::bigint = %(key)s::bigint & 4294967295
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- span_split: of an interval that lies around a whole span, the end behind it becomes an interval of its own
INSERT INTO {table} (port_no, from_at, to_at{rest})
SELECT t.port_no, g.end_at, t.to_at{rest_of_t}
FROM unnest(%(port_no)s::int[], %(start)s::timestamptz[], %(end)s::timestamptz[])
    AS g (port_no, start_at, end_at) JOIN {table} t USING (port_no)
WHERE t.from_at = (
    SELECT b.from_at FROM {table} b WHERE b.port_no = g.port_no AND b.from_at < g.start_at
    ORDER BY b.from_at DESC LIMIT 1)
  AND coalesce(t.to_at, 'infinity') > g.end_at;

-- span_clear: intervals inside a span go
DELETE FROM {table} t
USING unnest(%(port_no)s::int[], %(start)s::timestamptz[], %(end)s::timestamptz[])
    AS g (port_no, start_at, end_at)
WHERE t.port_no = g.port_no AND t.from_at >= g.start_at AND coalesce(t.to_at, 'infinity') <= g.end_at;

-- span_cut_begin: an interval that begins inside a span and ends behind it begins where the span ends
UPDATE {table} t SET from_at = g.end_at
FROM unnest(%(port_no)s::int[], %(start)s::timestamptz[], %(end)s::timestamptz[])
    AS g (port_no, start_at, end_at)
WHERE t.port_no = g.port_no AND t.from_at >= g.start_at AND t.from_at < g.end_at;

-- span_cut_end: an interval that begins before a span and ends in it ends where the span begins
UPDATE {table} t SET to_at = g.start_at
FROM unnest(%(port_no)s::int[], %(start)s::timestamptz[], %(end)s::timestamptz[])
    AS g (port_no, start_at, end_at)
WHERE t.port_no = g.port_no AND t.from_at = (
    SELECT b.from_at FROM {table} b WHERE b.port_no = g.port_no AND b.from_at < g.start_at
    ORDER BY b.from_at DESC LIMIT 1)
  AND coalesce(t.to_at, 'infinity') > g.start_at;

-- recompute_reading_1m: make minutes anew from the readings that stand; a minute without readings goes
WITH wanted AS (
    SELECT DISTINCT port_no, minute FROM unnest(%(port_no)s::int[], %(minute)s::timestamptz[]) AS u (port_no, minute)
), made AS (
    SELECT w.port_no, w.minute AS at, a.*
    FROM wanted w CROSS JOIN LATERAL (
        SELECT
            count(*)::int AS n,
            avg(voltage)::real AS voltage_mean,
            min(voltage) AS voltage_min,
            max(voltage) AS voltage_max,
            avg(voltage_l1)::real AS voltage_l1_mean,
            avg(voltage_l2)::real AS voltage_l2_mean,
            avg(voltage_l3)::real AS voltage_l3_mean,
            avg(current)::real AS current_mean,
            min(current) AS current_min,
            max(current) AS current_max,
            avg(current_l1)::real AS current_l1_mean,
            avg(current_l2)::real AS current_l2_mean,
            avg(current_l3)::real AS current_l3_mean,
            avg(power)::real AS power_mean,
            min(power) AS power_min,
            max(power) AS power_max,
            avg(power_offered)::real AS power_offered_mean,
            avg(current_offered)::real AS current_offered_mean,
            avg(current_requested)::real AS current_requested_mean,
            avg(soc)::real AS soc_mean,
            avg(temp_connector)::real AS temp_connector_mean,
            min(temp_connector) AS temp_connector_min,
            max(temp_connector) AS temp_connector_max,
            avg(temp_internal)::real AS temp_internal_mean,
            min(temp_internal) AS temp_internal_min,
            max(temp_internal) AS temp_internal_max,
            avg(temp_ambient)::real AS temp_ambient_mean,
            avg(fan_rpm)::real AS fan_rpm_mean,
            (array_agg(energy ORDER BY at DESC) FILTER (WHERE energy IS NOT NULL))[1] AS energy_last
        FROM reading r WHERE r.port_no = w.port_no AND r.at >= w.minute AND r.at < w.minute + INTERVAL '1 minute'
    ) a
), gone AS (
    DELETE FROM reading_1m m USING made WHERE m.port_no = made.port_no AND m.at = made.at AND made.n = 0
)
INSERT INTO reading_1m (
    port_no, at, n,
    voltage_mean, voltage_min, voltage_max, voltage_l1_mean, voltage_l2_mean, voltage_l3_mean, current_mean,
    current_min, current_max, current_l1_mean, current_l2_mean, current_l3_mean, power_mean, power_min, power_max,
    power_offered_mean, current_offered_mean, current_requested_mean, soc_mean, temp_connector_mean,
    temp_connector_min, temp_connector_max, temp_internal_mean, temp_internal_min, temp_internal_max,
    temp_ambient_mean, fan_rpm_mean, energy_last
)
SELECT
    port_no, at, n,
    voltage_mean, voltage_min, voltage_max, voltage_l1_mean, voltage_l2_mean, voltage_l3_mean, current_mean,
    current_min, current_max, current_l1_mean, current_l2_mean, current_l3_mean, power_mean, power_min, power_max,
    power_offered_mean, current_offered_mean, current_requested_mean, soc_mean, temp_connector_mean,
    temp_connector_min, temp_connector_max, temp_internal_mean, temp_internal_min, temp_internal_max,
    temp_ambient_mean, fan_rpm_mean, energy_last
FROM made WHERE n > 0 ORDER BY port_no, at
ON CONFLICT (port_no, at) DO UPDATE SET
    n = excluded.n,
    voltage_mean = excluded.voltage_mean, voltage_min = excluded.voltage_min, voltage_max = excluded.voltage_max,
    voltage_l1_mean = excluded.voltage_l1_mean, voltage_l2_mean = excluded.voltage_l2_mean, voltage_l3_mean = excluded.voltage_l3_mean,
    current_mean = excluded.current_mean, current_min = excluded.current_min, current_max = excluded.current_max,
    current_l1_mean = excluded.current_l1_mean, current_l2_mean = excluded.current_l2_mean, current_l3_mean = excluded.current_l3_mean,
    power_mean = excluded.power_mean, power_min = excluded.power_min, power_max = excluded.power_max,
    power_offered_mean = excluded.power_offered_mean, current_offered_mean = excluded.current_offered_mean, current_requested_mean = excluded.current_requested_mean,
    soc_mean = excluded.soc_mean, temp_connector_mean = excluded.temp_connector_mean, temp_connector_min = excluded.temp_connector_min,
    temp_connector_max = excluded.temp_connector_max, temp_internal_mean = excluded.temp_internal_mean, temp_internal_min = excluded.temp_internal_min,
    temp_internal_max = excluded.temp_internal_max, temp_ambient_mean = excluded.temp_ambient_mean, fan_rpm_mean = excluded.fan_rpm_mean,
    energy_last = excluded.energy_last;

-- dump_tables: our tables and their comments
SELECT c.relname, obj_description(c.oid, 'pg_class'), array_to_string(c.reloptions, ', ')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p')
  AND NOT starts_with(c.relname, '_yoyo') AND NOT starts_with(c.relname, 'procrastinate')
ORDER BY c.relname;

-- dump_columns: columns of a table as lines of its CREATE TABLE
SELECT concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attidentity <> '' THEN 'GENERATED ALWAYS AS IDENTITY' END,
    CASE WHEN a.attnotnull THEN 'NOT NULL' END, 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid))
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- dump_constraints: keys and checks of a table as lines of its CREATE TABLE
SELECT format('CONSTRAINT %%s %%s', k.conname, pg_get_constraintdef(k.oid))
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND k.contype IN ('p', 'u', 'c', 'f', 'x')
ORDER BY k.contype = 'p' DESC, k.conname;

-- dump_indexes: indexes that no key brings along
SELECT replace(pg_get_indexdef(i.indexrelid), n.nspname || '.', '')
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
  AND NOT starts_with(c.relname, '_yoyo') AND NOT starts_with(c.relname, 'procrastinate')
ORDER BY 1;

-- dump_views: views with their columns and comments
SELECT CASE n.nspname WHEN %(pub)s THEN 'pub.' ELSE '' END || c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum),
    obj_description(c.oid, 'pg_class')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE n.nspname IN (%(schema)s, %(pub)s) AND c.relkind = 'v'
GROUP BY n.nspname, c.oid, c.relname ORDER BY 1;

-- dump_hypertables: hypertables and the width of their chunks
SELECT format('-- HYPERTABLE %%s by %%s, chunks of %%s', d.hypertable_name, d.column_name, d.time_interval)
FROM timescaledb_information.dimensions d
WHERE d.hypertable_schema = %(schema)s ORDER BY d.hypertable_name;

-- save_snapshot: keep the state of an operator of one shard
INSERT INTO operator_snapshot (flow, operator, shard, at, version, origin, body)
VALUES (%(flow)s, %(operator)s, %(shard)s, %(at)s, %(version)s, %(origin)s, %(body)s)
ON CONFLICT (flow, operator, shard) DO UPDATE
SET at = excluded.at, version = excluded.version, origin = excluded.origin, body = excluded.body;

-- load_snapshots: states of an operator in a flow
SELECT shard, body FROM operator_snapshot WHERE flow = %(flow)s AND operator = %(operator)s;

-- registry_site: all dated rows of sites
SELECT site, valid_from, valid_to, name, time_zone, lat, lon, owner, opening, grid_limit_w
FROM site_dated ORDER BY site, valid_from;

-- registry_station: all dated rows of stations
SELECT station, valid_from, valid_to, site, model, firmware, serial, protocol, heartbeat_s, commissioned_at, retired_at
FROM station_dated ORDER BY station, valid_from;

-- registry_port: all dated rows of ports
SELECT port, valid_from, valid_to, rated_w, phases, kind FROM port_dated ORDER BY port, valid_from;

-- registry_connector: all connectors
SELECT p.station, p.number, c.connector, c.standard
FROM connector c JOIN port p USING (port_no) ORDER BY p.port, c.connector;

-- registry_tariff: all dated rows of tariffs
SELECT tariff, currency, per_kwh, per_session, per_minute, idle_per_minute, tax_percent, site, port, valid_from, valid_to
FROM tariff ORDER BY tariff, valid_from;

-- refresh_site: the row in force of each site
INSERT INTO site (site, name, time_zone, lat, lon, owner, opening, grid_limit_w, valid_from, valid_to)
SELECT DISTINCT ON (site) site, name, time_zone, lat, lon, owner, opening, grid_limit_w, valid_from, valid_to
FROM site_dated
ORDER BY site, valid_from > %(at)s, CASE WHEN valid_from > %(at)s THEN valid_from END, valid_from DESC
ON CONFLICT (site) DO UPDATE SET
    name = excluded.name, time_zone = excluded.time_zone, lat = excluded.lat, lon = excluded.lon,
    owner = excluded.owner, opening = excluded.opening, grid_limit_w = excluded.grid_limit_w,
    valid_from = excluded.valid_from, valid_to = excluded.valid_to;

-- refresh_station: the row in force of each station; a discovered one that has a row is registered
INSERT INTO station (station, site, model, firmware, serial, protocol, heartbeat_s, commissioned_at, retired_at,
                     valid_from, valid_to)
SELECT DISTINCT ON (station) station, site, model, firmware, serial, protocol, heartbeat_s, commissioned_at, retired_at,
       valid_from, valid_to
FROM station_dated
ORDER BY station, valid_from > %(at)s, CASE WHEN valid_from > %(at)s THEN valid_from END, valid_from DESC
ON CONFLICT (station) DO UPDATE SET
    site = excluded.site, model = excluded.model, firmware = excluded.firmware, serial = excluded.serial,
    protocol = excluded.protocol, heartbeat_s = excluded.heartbeat_s, commissioned_at = excluded.commissioned_at,
    retired_at = excluded.retired_at, valid_from = excluded.valid_from, valid_to = excluded.valid_to, discovered = false;

-- refresh_port: the row in force of each port; a discovered one that has a row is registered
INSERT INTO port (port, station, number, rated_w, phases, kind, valid_from, valid_to)
SELECT DISTINCT ON (port) port, regexp_replace(port, '/[0-9]+$', ''), substring(port FROM '/([0-9]+)$')::int,
       rated_w, phases, kind, valid_from, valid_to
FROM port_dated
ORDER BY port, valid_from > %(at)s, CASE WHEN valid_from > %(at)s THEN valid_from END, valid_from DESC
ON CONFLICT (port) DO UPDATE SET
    rated_w = excluded.rated_w, phases = excluded.phases, kind = excluded.kind,
    valid_from = excluded.valid_from, valid_to = excluded.valid_to, discovered = false;

-- refresh_station_ports: number 0 of a registered station is the station itself, and registered with it
INSERT INTO port (port, station, number)
SELECT station || '/0', station, 0 FROM station WHERE NOT discovered ORDER BY station
ON CONFLICT (port) DO UPDATE SET discovered = false;

-- delete_connectors: take away the connectors of ports
DELETE FROM connector c USING port p WHERE p.port_no = c.port_no AND p.port = ANY(%(ports)s);

-- insert_connector: enter a connector of a known port
INSERT INTO connector (port_no, connector, standard) SELECT port_no, %(connector)s, %(standard)s FROM port WHERE port = %(port)s;

-- port_facts: what operators are told of every port, by the rows in force at an instant
SELECT p.port, i.site, coalesce(i.time_zone, 'UTC') AS time_zone, i.opening, f.kind, f.rated_w, f.phases,
    s.heartbeat_s, s.model, s.firmware, f.port IS NULL AND (p.number > 0 OR s.station IS NULL) AS discovered,
    (extract(epoch FROM s.commissioned_at) * 1000000)::bigint AS commissioned_at,
    (extract(epoch FROM s.retired_at) * 1000000)::bigint AS retired_at
FROM port p
LEFT JOIN LATERAL (
    SELECT * FROM port_dated d WHERE d.port = p.port AND d.valid_from <= %(at)s ORDER BY d.valid_from DESC LIMIT 1
) f ON true
LEFT JOIN LATERAL (
    SELECT * FROM station_dated d WHERE d.station = p.station AND d.valid_from <= %(at)s ORDER BY d.valid_from DESC LIMIT 1
) s ON true
LEFT JOIN LATERAL (
    SELECT * FROM site_dated d WHERE d.site = s.site AND d.valid_from <= %(at)s ORDER BY d.valid_from DESC LIMIT 1
) i ON true
ORDER BY p.port;

-- discovered: ports that spoke before anyone registered them, by station
SELECT s.station, coalesce(array_agg(p.port ORDER BY p.number) FILTER (WHERE p.number > 0 AND p.discovered), '{}')
FROM station s LEFT JOIN port p USING (station)
GROUP BY s.station, s.discovered
HAVING s.discovered OR bool_or(p.discovered AND p.number > 0)
ORDER BY s.station;

-- all_ports: every port id
SELECT port FROM port ORDER BY port;

-- history_readings: readings that arrived in a span, in order of arrival ("+ 0" keeps it from going through every port's index)
COPY (
    SELECT port_no, at, received_at, flags,
        coalesce(voltage, 'NaN'), coalesce(voltage_l1, 'NaN'), coalesce(voltage_l2, 'NaN'), coalesce(voltage_l3,
        'NaN'), coalesce(current, 'NaN'), coalesce(current_l1, 'NaN'), coalesce(current_l2, 'NaN'),
        coalesce(current_l3, 'NaN'), coalesce(power, 'NaN'), coalesce(power_offered, 'NaN'), coalesce(current_offered,
        'NaN'), coalesce(current_requested, 'NaN'), coalesce(energy, 'NaN'), coalesce(soc, 'NaN'),
        coalesce(temp_connector, 'NaN'), coalesce(temp_internal, 'NaN'), coalesce(temp_ambient, 'NaN'),
        coalesce(fan_rpm, 'NaN')
    FROM reading
    WHERE port_no + 0 = ANY(%(ports)s) AND received_at >= %(start)s AND received_at < %(end)s
        AND at >= %(first)s AND at < %(last)s
    ORDER BY received_at, at, port_no
) TO STDOUT (FORMAT BINARY);

-- history_others: other values that arrived in a span, in order of arrival
SELECT port_no, (extract(epoch FROM at) * 1000000)::bigint, (extract(epoch FROM received_at) * 1000000)::bigint, channel, value
FROM reading_other
WHERE port_no + 0 = ANY(%(ports)s) AND received_at >= %(start)s AND received_at < %(end)s
  AND at >= %(first)s AND at < %(last)s
ORDER BY received_at, at, port_no, channel;

-- history_events: events that arrived in a span, in order of arrival
SELECT p.port, e.kind, (extract(epoch FROM e.at) * 1000000)::bigint, (extract(epoch FROM e.received_at) * 1000000)::bigint, e.flags, e.data
FROM event e JOIN port p USING (port_no)
WHERE e.port_no + 0 = ANY(%(ports)s) AND e.received_at >= %(start)s AND e.received_at < %(end)s
  AND e.at >= %(first)s AND e.at < %(last)s
ORDER BY e.received_at, e.at, p.port, e.kind, e.digest;

-- hour_minutes: minutes of ports that hours are made of; of those without charging one in ten
SELECT port_no, (extract(epoch FROM at) * 1000000)::bigint, current_mean, current_requested_mean, current_offered_mean, power_mean,
    voltage_mean, voltage_l1_mean, voltage_l2_mean, voltage_l3_mean, temp_connector_mean, temp_internal_mean, temp_ambient_mean,
    fan_rpm_mean
FROM reading_1m
WHERE port_no = ANY(%(ports)s) AND at >= %(start)s AND at < %(end)s
  AND (current_mean > 0.5 OR power_mean > 50 OR extract(minute FROM at)::int %% 10 = 0);

-- hour_scores: anomaly scores of ports
SELECT port_no, (extract(epoch FROM at) * 1000000)::bigint, score, contributions
FROM anomaly_score WHERE port_no = ANY(%(ports)s) AND at >= %(start)s AND at < %(end)s;

-- hour_others: other values of ports that hours tell
SELECT port_no, (extract(epoch FROM at) * 1000000)::bigint, channel, value
FROM reading_other WHERE port_no = ANY(%(ports)s) AND channel = ANY(%(channels)s) AND at >= %(start)s AND at < %(end)s;

-- hour_events: events of ports that hours count
SELECT port_no, (extract(epoch FROM at) * 1000000)::bigint, kind, data
FROM event WHERE port_no = ANY(%(ports)s) AND kind = ANY(%(kinds)s) AND at >= %(start)s AND at < %(end)s;

-- hour_sessions: charging sessions that ended
SELECT port_no, (extract(epoch FROM ended_at) * 1000000)::bigint, session_key, state, outcome
FROM charging_session WHERE port_no = ANY(%(ports)s) AND state = 'closed' AND ended_at >= %(start)s AND ended_at < %(end)s;

-- hours_known: newest hour of ports, microseconds
SELECT (extract(epoch FROM max(at)) * 1000000)::bigint FROM port_hour WHERE port_no = ANY(%(ports)s);

-- hours_begin: from when on minutes of ports are there, microseconds
SELECT (extract(epoch FROM min(at)) * 1000000)::bigint FROM reading_1m WHERE port_no = ANY(%(ports)s) AND at >= %(start)s;

-- hour_errors: hours with errors by family
SELECT port_no, (extract(epoch FROM at) * 1000000)::bigint, errors
FROM port_hour WHERE port_no = ANY(%(ports)s) AND at >= %(start)s AND at < %(end)s AND errors IS NOT NULL;

-- risks_known: newest hour about which ports were told a risk, microseconds
SELECT (extract(epoch FROM max(at)) * 1000000)::bigint FROM failure_risk WHERE port_no = ANY(%(ports)s);

-- failure_labels: all labels, with whether the fault was there
SELECT port, start_at AS start, end_at AS end, fault, variant, severity, ramp_s, signs, source, who, note, present FROM label ORDER BY label_no;

-- label_store: a label, unless the same person said the same of it before
INSERT INTO label (port, start_at, end_at, fault, variant, severity, ramp_s, signs, source, who, note)
SELECT %(port)s, %(start)s, %(end)s, %(fault)s, %(variant)s, %(severity)s, %(ramp_s)s, %(signs)s::text[], %(source)s, %(who)s, %(note)s
WHERE NOT EXISTS (
    SELECT FROM label WHERE port = %(port)s AND start_at = %(start)s AND fault = %(fault)s AND source = %(source)s AND who = %(who)s
);
