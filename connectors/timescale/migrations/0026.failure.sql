-- Failure prediction: hours of ports that models look at, the models themselves, and what they say.

CREATE TABLE port_hour (
    at timestamptz NOT NULL,
    port_no int NOT NULL,
    ambient real, load real, busy real,
    contact_heat real, contact_peak real, cabinet_heat real, cabinet_rise real, fan real, delivered real, voltage real,
    imbalance real, isolation real, contactor_delay real, lock_retries real, free_memory real,
    score real, residual_connector real, residual_cabinet real, residual_delivery real,
    faults real, failed real, boots real, lost real, sessions real,
    errors jsonb,
    PRIMARY KEY (port_no, at)
);
COMMENT ON TABLE port_hour IS 'What an hour (at: its beginning) showed of a port''s load, heat, delivery, values and errors; meaning of the columns: docs/failure-prediction.md';

CREATE TABLE model (
    version text PRIMARY KEY CHECK (version <> ''),
    state text NOT NULL CHECK (state IN ('live', 'shadow', 'retired')),
    source text NOT NULL,
    trained_at timestamptz NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    level real NOT NULL CHECK (level > 0 AND level < 1),
    features jsonb NOT NULL,
    scores jsonb NOT NULL,
    promoted_at timestamptz,
    digest bytea NOT NULL,
    body bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX model_one_live ON model ((true)) WHERE state = 'live';
COMMENT ON TABLE model IS 'Failure models: where they come from, how good they were on other data, and the bytes that are loaded; one is live, others may run in shadow';
COMMENT ON COLUMN model.level IS 'P(failure within 7 days) from which a live model asks for an order';
COMMENT ON COLUMN model.digest IS 'SHA-256 of body';

CREATE TABLE failure_risk (
    at timestamptz NOT NULL,
    expected_lead_s double precision,
    port_no int NOT NULL,
    p_24h real NOT NULL,
    p_7d real NOT NULL,
    p_30d real NOT NULL,
    family text NOT NULL,
    model_version text NOT NULL,
    shadow boolean NOT NULL,
    reasons jsonb,
    PRIMARY KEY (port_no, at, family, model_version)
);
COMMENT ON TABLE failure_risk IS 'Probability that a fault family strikes a port within 24 h, 7 d and 30 d of `at`, with what moved it; of each port, hour and model the likeliest family, and others that stand out';
COMMENT ON COLUMN failure_risk.expected_lead_s IS 'Seconds until the failure, if it comes within 30 days';
COMMENT ON COLUMN failure_risk.shadow IS 'Said by a model that is not live: nothing followed from it';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('port_hour', 'at', chunk_time_interval => INTERVAL '30 days', create_default_indexes => false);
        PERFORM create_hypertable('failure_risk', 'at', chunk_time_interval => INTERVAL '30 days', create_default_indexes => false);
    ELSE
        CREATE INDEX port_hour_at ON port_hour USING brin (at) WITH (autosummarize = on);
        CREATE INDEX failure_risk_at ON failure_risk USING brin (at) WITH (autosummarize = on);
    END IF;
END
$$;
