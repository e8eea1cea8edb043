-- What people, Grafana and notebooks read. Ports go by name; `pub.` stands for the schema of views.
-- Dropped and made anew by `migrate` whenever a file here or a table changes.

CREATE VIEW pub.port AS
SELECT p.port, p.station, p.number, s.site, i.name AS site_name, coalesce(i.time_zone, 'UTC') AS time_zone, i.lat, i.lon, i.owner,
       p.kind, p.rated_w, p.phases, s.model, s.firmware, s.protocol, s.heartbeat_s, s.commissioned_at, s.retired_at,
       p.discovered OR coalesce(s.discovered, true) AS discovered, p.port_no
FROM port p LEFT JOIN station s USING (station) LEFT JOIN site i ON i.site = s.site;
COMMENT ON VIEW pub.port IS 'Every port with its station and site; discovered = not registered yet, so in no statement';

CREATE VIEW pub.reading AS
SELECT p.port, r.at, r.voltage, r.voltage_l1, r.voltage_l2, r.voltage_l3, r.current, r.current_l1, r.current_l2, r.current_l3,
       r.power, r.power_offered, r.current_offered, r.current_requested, r.energy, r.soc,
       r.temp_connector, r.temp_internal, r.temp_ambient, r.fan_rpm, r.flags, r.received_at, r.port_no
FROM reading r JOIN port p USING (port_no);
COMMENT ON VIEW pub.reading IS 'Readings as told: V, A, W, Wh, %, degC, 1/min; null = not told';

CREATE VIEW pub.reading_1m AS
SELECT p.port, r.at, r.n, r.voltage_mean, r.voltage_min, r.voltage_max, r.voltage_l1_mean, r.voltage_l2_mean, r.voltage_l3_mean,
       r.current_mean, r.current_min, r.current_max, r.current_l1_mean, r.current_l2_mean, r.current_l3_mean,
       r.power_mean, r.power_min, r.power_max, r.power_offered_mean, r.current_offered_mean, r.current_requested_mean,
       r.energy_last, r.soc_mean, r.temp_connector_mean, r.temp_connector_min, r.temp_connector_max,
       r.temp_internal_mean, r.temp_internal_min, r.temp_internal_max, r.temp_ambient_mean, r.fan_rpm_mean, r.port_no
FROM reading_1m r JOIN port p USING (port_no);
COMMENT ON VIEW pub.reading_1m IS 'Readings by the minute; at = its beginning, n = readings in it';

CREATE VIEW pub.reading_other AS
SELECT p.port, r.channel, r.at, r.value, r.received_at, r.port_no
FROM reading_other r JOIN port p USING (port_no);
COMMENT ON VIEW pub.reading_other IS 'Values of all other measurands';

CREATE VIEW pub.event AS
SELECT p.port, e.at, e.kind, e.data, e.flags, e.received_at, e.port_no
FROM event e JOIN port p USING (port_no);
COMMENT ON VIEW pub.event IS 'What happened at a port: status, session, boot, fault, connection, ...';

CREATE VIEW pub.charging_session AS
SELECT p.port, c.* FROM charging_session c JOIN port p USING (port_no);
COMMENT ON VIEW pub.charging_session IS 'Charging sessions: energy by register and integrated, power, reason of the end, who answers for it';

CREATE VIEW pub.availability AS
SELECT p.port, a.from_at, a.to_at, a.state, a.reason, a.detail, a.port_no
FROM availability a JOIN port p USING (port_no);
COMMENT ON VIEW pub.availability IS 'Intervals in which a port was up, down or unobserved; to_at null = still so';

CREATE VIEW pub.uptime_rolling AS
SELECT p.port, u.* FROM uptime_rolling u JOIN port p USING (port_no);
COMMENT ON VIEW pub.uptime_rolling IS 'Share of observed time that a port was up, hour by hour, over 1 h, 24 h, 7 d, 30 d';

CREATE VIEW pub.uptime_now AS
SELECT p.port, u.* FROM uptime_now u JOIN port p USING (port_no);
COMMENT ON VIEW pub.uptime_now IS 'The newest rolling uptime of each port';

CREATE VIEW pub.uptime_daily AS
SELECT p.port, u.* FROM uptime_daily u JOIN port p USING (port_no);
COMMENT ON VIEW pub.uptime_daily IS 'Seconds up, down and unobserved by the local day of the site';

CREATE VIEW pub.anomaly_score AS
SELECT p.port, a.at, a.score, a.probability, a.context, a.contributions, a.port_no
FROM anomaly_score a JOIN port p USING (port_no);
COMMENT ON VIEW pub.anomaly_score IS 'Anomaly score of each port and minute, with the channels that made it';

CREATE VIEW pub.reject AS
SELECT shard, origin, seq, station, topic, reason, detail, received_at FROM reject;
COMMENT ON VIEW pub.reject IS 'Messages (or lines of them) that were not stored, and why';

CREATE VIEW pub.audit_hour AS
SELECT flow, station, hour, received, stored, repeated, superseded, rejected,
       received - stored - repeated - superseded - rejected AS unaccounted
FROM audit_hour;
COMMENT ON VIEW pub.audit_hour IS 'What became of every line, by station and hour of receipt; unaccounted must be 0';

CREATE VIEW pub.tariff AS
SELECT tariff, currency, per_kwh, per_session, per_minute, idle_per_minute, tax_percent, site, port, valid_from, valid_to FROM tariff;
COMMENT ON VIEW pub.tariff IS 'Unit prices in force from valid_from to valid_to';
