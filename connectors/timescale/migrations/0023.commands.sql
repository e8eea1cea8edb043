-- What was said to stations to mend them from afar.

CREATE TABLE command (
    command_id uuid PRIMARY KEY,
    command_no bigint GENERATED ALWAYS AS IDENTITY,
    order_id uuid,
    incident_id uuid,
    station text NOT NULL,
    port text NOT NULL,
    name text NOT NULL,
    params jsonb NOT NULL DEFAULT '{}',
    safety boolean NOT NULL DEFAULT false,
    state text NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'accepted', 'rejected', 'failed', 'expired', 'refused',
        'withdrawn')),
    actor text NOT NULL,
    why text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    sent_at timestamptz,
    answered_at timestamptz,
    info text NOT NULL DEFAULT ''
);
CREATE INDEX command_station ON command (station, created_at);
CREATE INDEX command_order ON command (order_id);
CREATE INDEX command_unanswered ON command (sent_at) WHERE state IN ('sending', 'sent');
COMMENT ON TABLE command IS 'A command to a station: sent once, never after expires_at; the answer comes back as an event';
