-- Incidents, work orders, remedies, credits and labels. Accounts, tokens and secrets are in no view.

CREATE VIEW pub.incident AS
SELECT i.incident_id, i.port, i.station, s.site, i.family, i.severity, i.state, i.source, i.history, i.onset_at, i.opened_at, i.closed_at,
       i.closed_because, i.why, i.score, i.probability, i.ports, w.number AS work_order, i.recorded_at, i.predicted_at
FROM incident i LEFT JOIN station s USING (station) LEFT JOIN work_order w USING (order_id);
COMMENT ON VIEW pub.incident IS 'One cause at one port or station, with why we think so';

CREATE VIEW pub.work_order AS
SELECT w.number, w.port, w.station, s.site, w.family, w.priority, w.state, w.source, w.what, w.why, w.bring, w.checks, w.onset_at,
       w.opened_at, w.respond_by, w.safe_by, w.restore_by, w.cleared_at, w.assignee, w.state_since, w.responded_at, w.resolved_at,
       w.ended_because, w.order_id, w.predicted_at, w.planned_from, w.planned_to, w.model_version
FROM work_order w LEFT JOIN station s USING (station);
COMMENT ON VIEW pub.work_order IS 'What somebody does about an incident, how soon, and where it stands';

CREATE VIEW pub.finding AS
SELECT w.number AS work_order, w.port, f.at, f.found, f.family, f.mechanism, f.cause, f.activity, f.part, f.note
FROM finding f JOIN work_order w USING (order_id);
COMMENT ON VIEW pub.finding IS 'What technicians found and did';

CREATE VIEW pub.command AS
SELECT c.command_id, c.station, c.port, c.name, c.params, c.state, c.why, c.created_at, c.expires_at, c.sent_at, c.answered_at, c.info,
       w.number AS work_order
FROM command c LEFT JOIN work_order w USING (order_id);
COMMENT ON VIEW pub.command IS 'Commands to stations and what became of them';

CREATE VIEW pub.credit AS
SELECT c.credit_id, c.port, c.session_key, c.rule, c.rule_version, c.tariff, c.currency, c.net_minor, c.tax_minor, c.charged_net_minor,
       c.charged_tax_minor, c.reason, c.state, c.proposed_at, c.decided_at, c.settled_at, c.incident_id
FROM credit c;
COMMENT ON VIEW pub.credit IS 'Credits in whole minor units of their currency, tax apart';

CREATE VIEW pub.label AS
SELECT l.port, l.start_at, l.end_at, l.fault, l.variant, l.severity, l.ramp_s, l.signs, l.source, l.who, l.note, l.present
FROM label l;
COMMENT ON VIEW pub.label IS 'What was wrong with a port over a span, by one who knows; present false: it was not there';
