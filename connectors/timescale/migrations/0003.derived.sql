-- What the flows made of it. Everything here can be computed again from 0002.

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

CREATE TABLE charging_session (
    port_no int NOT NULL,
    session_key text NOT NULL,
    session text,
    connector int,
    token text,
    state text NOT NULL DEFAULT 'open',
    attempt_at timestamptz,
    started_at timestamptz,
    ended_at timestamptz,
    charging_from timestamptz,
    charging_to timestamptz,
    charging_s double precision,
    meter_start_wh double precision,
    meter_end_wh double precision,
    energy_register_wh double precision,
    energy_integrated_wh double precision,
    power_max_w real,
    power_mean_w real,
    power_offered_w real,
    power_rated_w real,
    outcome text,
    stop_reason text,
    party text,
    version int NOT NULL DEFAULT 1,
    PRIMARY KEY (port_no, session_key)
);
CREATE INDEX charging_session_started ON charging_session (started_at);
COMMENT ON TABLE charging_session IS 'A charging session from the attempt to the end; energy by the register and integrated from power, side by side';
COMMENT ON COLUMN charging_session.session_key IS 'The transaction id where one is known, else at:<start in microseconds>';
COMMENT ON COLUMN charging_session.token IS 'Keyed hash of the RFID or contract id';

CREATE TABLE availability (
    port_no int NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz,
    state text NOT NULL CHECK (state IN ('up', 'down', 'unobserved')),
    reason text NOT NULL,
    detail text,
    PRIMARY KEY (port_no, from_at),
    CHECK (to_at > from_at)
);
COMMENT ON TABLE availability IS 'Was the port up, down, or out of our sight; intervals of one port do not overlap; to_at null = still so';

CREATE TABLE uptime_rolling (
    at timestamptz NOT NULL,
    port_no int NOT NULL,
    up_1h real,
    up_24h real,
    up_7d real,
    up_30d real,
    observed_s_30d real,
    PRIMARY KEY (port_no, at)
);
COMMENT ON TABLE uptime_rolling IS 'Share of observed time (0..1) that the port was up in the time before the full hour `at`';

CREATE TABLE uptime_now (
    port_no int PRIMARY KEY,
    at timestamptz NOT NULL,
    up_1h real,
    up_24h real,
    up_7d real,
    up_30d real,
    observed_s_30d real
);
COMMENT ON TABLE uptime_now IS 'The newest rolling uptime of each port';

CREATE TABLE uptime_daily (
    port_no int NOT NULL,
    day date NOT NULL,
    up_s real NOT NULL,
    down_s real NOT NULL,
    unobserved_s real NOT NULL,
    PRIMARY KEY (port_no, day)
);
COMMENT ON TABLE uptime_daily IS 'Seconds up, down and unobserved of each port by the local day of its site';

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
