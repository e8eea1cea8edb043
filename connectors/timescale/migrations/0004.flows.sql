-- What the flows remember and what the audit adds up.

CREATE TABLE flow_progress (
    flow text NOT NULL,
    shard text NOT NULL,
    origin bigint NOT NULL,
    PRIMARY KEY (flow, shard)
);
COMMENT ON TABLE flow_progress IS 'The last raw offset whose rows are stored, written in the same transaction as the rows';

-- Half empty pages: a row of the current hour is updated with every write, on the page that it stands on.
CREATE TABLE audit_hour (
    flow text NOT NULL,
    station text NOT NULL,
    hour timestamptz NOT NULL,
    received bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    repeated bigint NOT NULL DEFAULT 0,
    superseded bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (flow, station, hour)
) WITH (fillfactor = 40);
COMMENT ON TABLE audit_hour IS 'Lines by hour of receipt: received = stored + repeated + superseded + rejected';

CREATE TABLE history_span (
    port_no int NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (port_no, from_at),
    CHECK (to_at > from_at)
);
COMMENT ON TABLE history_span IS 'Spans whose rows did not come through Kafka; the audit leaves them out';

CREATE TABLE operator_snapshot (
    flow text NOT NULL,
    operator text NOT NULL,
    shard text NOT NULL,
    at timestamptz NOT NULL,
    version int NOT NULL,
    origin bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (flow, operator, shard)
);
COMMENT ON TABLE operator_snapshot IS 'Seed state of an operator for a flow without a recovery store; a cache, never the truth';
