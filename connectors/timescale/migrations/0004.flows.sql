-- What the flows remember and what the audit adds up.

CREATE TABLE flow_progress (
    flow text NOT NULL,
    shard text NOT NULL,
    origin bigint NOT NULL,
    PRIMARY KEY (flow, shard)
);
COMMENT ON TABLE flow_progress IS 'The last raw offset whose rows are stored, written in the same transaction as the rows';

-- What became of lines. Each write adds one row of arrays to `audit_recent`; every few seconds they are added to the sums by
-- hour, so that a station's sum is not rewritten with every write. `audit_hour` is both together, exact at any time.
CREATE TABLE audit_recent (
    flow text NOT NULL,
    shard text NOT NULL,
    station text[] NOT NULL,
    hour bigint[] NOT NULL,
    stored bigint[] NOT NULL,
    repeated bigint[] NOT NULL,
    superseded bigint[] NOT NULL,
    rejected bigint[] NOT NULL
);
CREATE INDEX audit_recent_shard ON audit_recent (flow, shard);
COMMENT ON TABLE audit_recent IS 'Outcomes of the last writes, by station and hour (since 1970), not yet added to audit_sum';

CREATE TABLE audit_sum (
    flow text NOT NULL,
    station text NOT NULL,
    hour timestamptz NOT NULL,
    stored bigint NOT NULL,
    repeated bigint NOT NULL,
    superseded bigint NOT NULL,
    rejected bigint NOT NULL,
    PRIMARY KEY (flow, station, hour)
) WITH (fillfactor = 60);
COMMENT ON TABLE audit_sum IS 'Outcomes of lines by station and hour of receipt, but for the last writes';

CREATE VIEW audit_hour AS
SELECT flow, station, hour, (sum(stored) + sum(repeated) + sum(superseded) + sum(rejected))::bigint AS received,
    sum(stored)::bigint AS stored, sum(repeated)::bigint AS repeated, sum(superseded)::bigint AS superseded,
    sum(rejected)::bigint AS rejected
FROM (
    SELECT flow, station, hour, stored, repeated, superseded, rejected FROM audit_sum
    UNION ALL
    SELECT r.flow, u.station, to_timestamp(u.hour * 3600), u.stored, u.repeated, u.superseded, u.rejected
    FROM audit_recent r,
        unnest(r.station, r.hour, r.stored, r.repeated, r.superseded, r.rejected)
            AS u (station, hour, stored, repeated, superseded, rejected)
) every
GROUP BY flow, station, hour;
COMMENT ON VIEW audit_hour IS 'Lines by station and hour of receipt: received = stored + repeated + superseded + rejected';

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
