-- What chargers said, row for row. Column order saves padding; unlike a rollup none of this can be computed again.

CREATE TABLE reading (
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    energy double precision,
    port_no int NOT NULL,
    voltage real,
    voltage_l1 real,
    voltage_l2 real,
    voltage_l3 real,
    current real,
    current_l1 real,
    current_l2 real,
    current_l3 real,
    power real,
    power_offered real,
    current_offered real,
    current_requested real,
    soc real,
    temp_connector real,
    temp_internal real,
    temp_ambient real,
    fan_rpm real,
    flags smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (port_no, at)
);
COMMENT ON TABLE reading IS 'One port at one instant: V, A, W, Wh, %, degC, 1/min; null = the channel was not told';

CREATE TABLE reading_other (
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    value double precision NOT NULL,
    port_no int NOT NULL,
    channel text NOT NULL,
    PRIMARY KEY (port_no, channel, at)
);
COMMENT ON TABLE reading_other IS 'Measurands outside the canonical channels, one value a row';

CREATE TABLE event (
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    digest bigint NOT NULL,
    port_no int NOT NULL,
    flags smallint NOT NULL DEFAULT 0,
    kind text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (port_no, at, kind, digest)
);
COMMENT ON TABLE event IS 'Something that happened at a port (number 0: at the station); digest tells apart what happened at one instant';

CREATE TABLE reject (
    shard text NOT NULL,
    origin bigint NOT NULL,
    seq int NOT NULL,
    received_at timestamptz NOT NULL,
    station text NOT NULL,
    topic text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL DEFAULT '',
    PRIMARY KEY (shard, origin, seq)
);
CREATE INDEX reject_received_at ON reject (received_at);
COMMENT ON TABLE reject IS 'A message, or a line of one, that was not stored, and why; the payload stands in the Kafka topic ev.rejects';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('reading', 'at', chunk_time_interval => INTERVAL '1 day', create_default_indexes => false);
        PERFORM create_hypertable('reading_other', 'at', chunk_time_interval => INTERVAL '7 days', create_default_indexes => false);
        PERFORM create_hypertable('event', 'at', chunk_time_interval => INTERVAL '30 days', create_default_indexes => false);
    END IF;
END
$$;

-- Rows arrive nearly in order of both times, so a block range index finds a day or an hour at next to no cost of writing.
CREATE INDEX reading_times ON reading USING brin (at, received_at) WITH (autosummarize = on);
CREATE INDEX reading_other_times ON reading_other USING brin (at, received_at) WITH (autosummarize = on);
CREATE INDEX event_times ON event USING brin (at, received_at) WITH (autosummarize = on);
