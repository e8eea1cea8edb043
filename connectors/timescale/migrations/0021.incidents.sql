-- Alerts as they came in, and the incidents that they are about.

CREATE TABLE inbox (
    alert_id uuid NOT NULL,
    revision int NOT NULL,
    incident_id uuid NOT NULL,
    subject text NOT NULL,
    said_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    historic boolean NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (alert_id, revision)
);
CREATE INDEX inbox_incident ON inbox (incident_id);
COMMENT ON TABLE inbox IS 'Every alert revision that was taken, once; what is here was handled in the same transaction';
COMMENT ON COLUMN inbox.subject IS 'The port (or station, number 0) that the incident is about';
COMMENT ON COLUMN inbox.historic IS 'It was old on arrival: recorded, but nothing was ordered, sent or credited for it';

CREATE TABLE inbox_reject (
    topic text NOT NULL,
    shard int NOT NULL,
    origin bigint NOT NULL,
    received_at timestamptz NOT NULL,
    key text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (topic, shard, origin)
);
COMMENT ON TABLE inbox_reject IS 'Records of the alert topic that could not be taken, and why; they hold nobody up';

CREATE TABLE incident (
    incident_id uuid PRIMARY KEY,
    port text NOT NULL,
    station text NOT NULL,
    family text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('P1', 'P2', 'P3', 'P4')),
    state text NOT NULL CHECK (state IN ('open', 'closed')),
    source text NOT NULL CHECK (source IN ('alert', 'report')),
    history boolean NOT NULL DEFAULT false,
    onset_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    closed_because text,
    why text NOT NULL DEFAULT '',
    score real,
    probability real,
    ports text[] NOT NULL,
    order_id uuid,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
CREATE UNIQUE INDEX incident_one_open ON incident (port, family) WHERE state = 'open';
CREATE INDEX incident_port ON incident (port, opened_at);
CREATE INDEX incident_station ON incident (station, opened_at);
CREATE INDEX incident_order ON incident (order_id);
COMMENT ON TABLE incident IS 'One cause at one port or station; at most one is open for a port and fault family';
COMMENT ON COLUMN incident.recorded_at IS 'When the row was written; every other time is of the log';

CREATE TABLE note (
    note_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id uuid,
    order_id uuid,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('alert', 'note', 'state', 'remedy', 'report', 'credit', 'finding')),
    text text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    CHECK (incident_id IS NOT NULL OR order_id IS NOT NULL)
);
CREATE INDEX note_incident ON note (incident_id, note_no);
CREATE INDEX note_order ON note (order_id, note_no);
COMMENT ON TABLE note IS 'What was said and done about an incident or a work order, in order';

CREATE TABLE report (
    report_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id uuid NOT NULL,
    port text NOT NULL,
    at timestamptz NOT NULL,
    problem text NOT NULL,
    text text NOT NULL DEFAULT ''
);
COMMENT ON TABLE report IS 'What a driver reported by the QR code; no name, no address';
