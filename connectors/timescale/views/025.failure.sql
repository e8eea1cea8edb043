-- Failure prediction: hours of ports, risks, models.

CREATE VIEW pub.port_hour AS
SELECT p.port, h.* FROM port_hour h JOIN port p USING (port_no);
COMMENT ON VIEW pub.port_hour IS 'What an hour showed of a port: the rows that failure models look at';

CREATE VIEW pub.failure_risk AS
SELECT p.port, r.at, r.family, r.p_24h, r.p_7d, r.p_30d, r.expected_lead_s, r.reasons, r.model_version, r.shadow, r.port_no
FROM failure_risk r JOIN port p USING (port_no);
COMMENT ON VIEW pub.failure_risk IS 'Probability that a fault family strikes a port soon, hour by hour, with reasons; shadow = by a model that is not live';

CREATE VIEW pub.model AS
SELECT version, state, source, trained_at, from_at, to_at, level, features, scores, promoted_at, recorded_at FROM model;
COMMENT ON VIEW pub.model IS 'Failure models with their data span, features and scores; one is live';
