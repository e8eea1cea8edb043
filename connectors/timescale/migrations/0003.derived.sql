-- What the flows made of it: minutes and scores (sessions are in 0005, uptime in 0006). All of it can be computed again from 0002.

CREATE TABLE reading_1m (
    at timestamptz NOT NULL,
    energy_last double precision,
    port_no int NOT NULL,
    n int NOT NULL,
    voltage_mean real, voltage_min real, voltage_max real,
    voltage_l1_mean real,
    voltage_l2_mean real,
    voltage_l3_mean real,
    current_mean real, current_min real, current_max real,
    current_l1_mean real,
    current_l2_mean real,
    current_l3_mean real,
    power_mean real, power_min real, power_max real,
    power_offered_mean real,
    current_offered_mean real,
    current_requested_mean real,
    soc_mean real,
    temp_connector_mean real, temp_connector_min real, temp_connector_max real,
    temp_internal_mean real, temp_internal_min real, temp_internal_max real,
    temp_ambient_mean real,
    fan_rpm_mean real,
    PRIMARY KEY (port_no, at)
);
COMMENT ON TABLE reading_1m IS 'Readings of one port by the minute: at is its beginning, n the number of readings in it';

CREATE TABLE anomaly_score (
    at timestamptz NOT NULL,
    port_no int NOT NULL,
    score real NOT NULL,
    probability real,
    context text,
    contributions jsonb,
    PRIMARY KEY (port_no, at)
);
COMMENT ON TABLE anomaly_score IS 'How unusual the minute that begins at `at` was at the port, and by which channels';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('reading_1m', 'at', chunk_time_interval => INTERVAL '7 days', create_default_indexes => false);
        PERFORM create_hypertable('anomaly_score', 'at', chunk_time_interval => INTERVAL '7 days', create_default_indexes => false);
    ELSE
        CREATE INDEX reading_1m_at ON reading_1m USING brin (at) WITH (autosummarize = on);
        CREATE INDEX anomaly_score_at ON anomaly_score USING brin (at) WITH (autosummarize = on);
    END IF;
END
$$;
