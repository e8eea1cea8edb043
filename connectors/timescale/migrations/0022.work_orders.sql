-- What somebody does about an incident, and what was found.

CREATE TABLE counter (
    name text PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO counter (name, value) VALUES ('work_order', 1000);
COMMENT ON TABLE counter IS 'The last number given; taken in the transaction that uses it, so no number is missing';

CREATE TABLE work_order (
    order_id uuid PRIMARY KEY,
    number text NOT NULL UNIQUE,
    port text NOT NULL,
    station text NOT NULL,
    family text NOT NULL,
    priority text NOT NULL CHECK (priority IN ('P1', 'P2', 'P3', 'P4')),
    state text NOT NULL CHECK (state IN ('open', 'acknowledged', 'remote_attempt', 'dispatched', 'on_site', 'waiting_parts',
        'waiting_utility', 'resolved', 'verified', 'cancelled')),
    source text NOT NULL CHECK (source IN ('alert', 'report', 'manual')),
    what text NOT NULL,
    why text NOT NULL,
    bring text[] NOT NULL,
    checks text[] NOT NULL,
    onset_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    respond_by timestamptz,
    safe_by timestamptz,
    restore_by timestamptz NOT NULL,
    cleared_at timestamptz,
    assignee text,
    state_since timestamptz NOT NULL,
    responded_at timestamptz,
    resolved_at timestamptz,
    ended_because text,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX work_order_one_active ON work_order (port, family)
    WHERE state NOT IN ('resolved', 'verified', 'cancelled');
CREATE INDEX work_order_station ON work_order (station, opened_at);
COMMENT ON TABLE work_order IS 'What is wrong, why we think so, what to bring and to check, how soon, and where it stands';
COMMENT ON COLUMN work_order.cleared_at IS 'The alerts are over, although nobody said that it is repaired';
COMMENT ON COLUMN work_order.state_since IS 'By the clock of whoever changed it, as are responded_at and resolved_at';

CREATE TABLE finding (
    finding_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES work_order,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    found boolean NOT NULL,
    family text NOT NULL,
    mechanism text,
    cause text NOT NULL,
    activity text NOT NULL,
    part text NOT NULL,
    note text NOT NULL
);
CREATE INDEX finding_order ON finding (order_id);
COMMENT ON TABLE finding IS 'What a technician found and did, in the codes of schemas.work';

CREATE TABLE label (
    label_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    port text NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz,
    fault text NOT NULL,
    variant text NOT NULL DEFAULT '',
    severity real,
    ramp_s real NOT NULL DEFAULT 0,
    signs text[] NOT NULL DEFAULT '{}',
    source text NOT NULL CHECK (source IN ('simulator', 'technician', 'operator')),
    who text NOT NULL,
    note text NOT NULL DEFAULT '',
    present boolean NOT NULL DEFAULT true,
    order_id uuid
);
CREATE INDEX label_port ON label (port, start_at);
COMMENT ON TABLE label IS 'What was wrong with a port over a span, by one who knows (schemas.labels); present false: it was looked for and was not there';
