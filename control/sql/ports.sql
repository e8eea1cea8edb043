-- port_show: one port with its site, state and rolling uptime
SELECT p.port, p.port_no, p.station, p.number, p.kind, p.rated_w, p.phases, p.discovered OR s.discovered AS discovered, s.site, s.model,
    s.serial, s.firmware, s.protocol, t.name AS site_name, coalesce(t.time_zone, 'UTC') AS time_zone,
    u.at, u.since, u.state, u.reason, u.detail, u.up_1h, u.up_24h, u.up_7d, u.up_30d, u.observed_s_30d
FROM port p JOIN station s USING (station) LEFT JOIN site t ON t.site = s.site LEFT JOIN uptime_now u USING (port_no)
WHERE p.port = %(port)s AND (%(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s));

-- ports_list: charging ports with their state, those that are down first
SELECT p.port, p.station, p.number, p.kind, p.rated_w, p.discovered OR s.discovered AS discovered, s.site, t.name AS site_name,
    u.state, u.reason, u.since, u.up_24h, u.up_30d,
    (SELECT count(*) FROM incident i WHERE i.state = 'open' AND i.station = p.station AND (i.port = p.port OR i.port = p.station || '/0')) AS incidents
FROM port p JOIN station s USING (station) LEFT JOIN site t ON t.site = s.site LEFT JOIN uptime_now u USING (port_no)
WHERE p.number > 0 AND (%(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s))
  AND (%(site)s::text IS NULL OR s.site = %(site)s)
  AND (%(find)s::text IS NULL OR strpos(lower(p.port), lower(%(find)s)) > 0 OR strpos(lower(coalesce(t.name, '')), lower(%(find)s)) > 0)
ORDER BY CASE u.state WHEN 'down' THEN 0 WHEN 'unobserved' THEN 1 ELSE 2 END, p.station, p.number
LIMIT %(limit)s OFFSET %(offset)s;

-- port_sessions: the last sessions of a port
SELECT session_key, started_at, ended_at, state, outcome, energy_wh, stop_reason, party, power_max_w FROM charging_session
WHERE port_no = %(port_no)s ORDER BY started_at DESC LIMIT %(limit)s;

-- port_availability: intervals of a port in a span
SELECT greatest(from_at, %(start)s) AS from_at, least(coalesce(to_at, %(end)s), %(end)s) AS to_at, state, reason, detail FROM availability
WHERE port_no = %(port_no)s AND from_at < %(end)s AND coalesce(to_at, %(end)s) > %(start)s ORDER BY from_at;

-- port_commands: the last commands to a port's station
SELECT name, port, state, created_at, sent_at, answered_at, info FROM command WHERE station = %(station)s ORDER BY command_no DESC LIMIT %(limit)s;

-- port_numbers_of: numbers of ports
SELECT port, port_no FROM port WHERE port = ANY(%(ports)s) ORDER BY port;

-- chart_readings: means of channels in bins, out of the readings
SELECT date_bin(%(bin)s, at, %(start)s) AS bin, count(*) AS n, {columns} FROM reading
WHERE port_no = %(port_no)s AND at >= %(start)s AND at < %(end)s GROUP BY bin ORDER BY bin;

-- chart_minutes: means of channels in bins, out of the minutes
SELECT date_bin(%(bin)s, at, %(start)s) AS bin, sum(n) AS n, {columns} FROM reading_1m
WHERE port_no = %(port_no)s AND at >= %(start)s AND at < %(end)s GROUP BY bin ORDER BY bin;

-- last_reading: the newest reading of a port
SELECT * FROM reading WHERE port_no = %(port_no)s AND at > %(after)s ORDER BY at DESC LIMIT 1;

-- sites_list: sites with how many of their ports are known to work and to be out of order; for the public
SELECT t.site, t.name, count(p.port) AS ports,
    count(*) FILTER (WHERE u.state = 'up' AND u.at > %(since)s) AS up,
    count(*) FILTER (WHERE u.state = 'down' AND u.reason <> 'silence' AND u.at > %(since)s) AS down
FROM site t JOIN station s USING (site) JOIN port p USING (station) LEFT JOIN uptime_now u USING (port_no)
WHERE p.number > 0 AND NOT p.discovered AND coalesce(s.retired_at > now(), true)
GROUP BY t.site, t.name ORDER BY t.name, t.site;

-- site_show: a site for the public
SELECT site, name, time_zone FROM site WHERE site = %(site)s;

-- site_ports: the ports of a site, each with what the public may know
SELECT p.port, p.station, p.number, p.kind, p.rated_w, u.at, u.state, u.reason, u.since,
    EXISTS (SELECT FROM charging_session c WHERE c.port_no = p.port_no AND c.state = 'open' AND c.started_at > %(now)s - interval '24 hours') AS busy,
    (SELECT w.state FROM incident i JOIN work_order w USING (order_id)
     WHERE i.state = 'open' AND i.station = p.station AND (i.port = p.port OR i.port = p.station || '/0')
     ORDER BY w.opened_at DESC LIMIT 1) AS order_state
FROM port p JOIN station s USING (station) LEFT JOIN uptime_now u USING (port_no)
WHERE s.site = %(site)s AND p.number > 0 AND coalesce(s.retired_at > now(), true) AND (%(port)s::text IS NULL OR p.port = %(port)s)
ORDER BY p.station, p.number;

-- public_port: a port for the public, by its id
SELECT p.port, s.site FROM port p JOIN station s USING (station) WHERE p.port = %(port)s AND p.number > 0 AND coalesce(s.retired_at > now(), true);

-- counts: what the head of the pages shows
SELECT (SELECT count(*) FROM incident i LEFT JOIN station s USING (station)
        WHERE i.state = 'open' AND (%(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s))) AS incidents,
       (SELECT count(*) FROM work_order w LEFT JOIN station s USING (station)
        WHERE w.state NOT IN ('resolved', 'verified', 'cancelled') AND (%(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s))) AS orders,
       (SELECT count(*) FROM credit c JOIN port p USING (port) LEFT JOIN station s ON s.station = p.station
        WHERE c.state = 'proposed' AND (%(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s))) AS credits;

-- health: what an operator should look at
SELECT (SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo') AS jobs_waiting,
       (SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed') AS jobs_failed,
       (SELECT count(*) FROM inbox_reject) AS alerts_rejected,
       (SELECT max(received_at) FROM inbox) AS last_alert_at,
       (SELECT count(*) FROM command WHERE state IN ('pending', 'sending', 'sent')) AS commands_open;
