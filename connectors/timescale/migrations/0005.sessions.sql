-- Charging sessions as the flow `sessions` assembles them; meaning of the columns: schemas/sessions.py.

CREATE TABLE charging_session (
    port_no int NOT NULL,
    connector int,
    session_key text NOT NULL,
    session text,
    token text,
    state text NOT NULL CHECK (state IN ('open', 'closed')),
    outcome text NOT NULL CHECK (outcome IN ('open', 'success', 'failed', 'cut', 'unknown')),
    party text,
    stop_reason text,
    valid_stop boolean,
    fault_family text,
    fault_code text,
    start_mode text,
    attempt_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    charging_from timestamptz,
    first_power_at timestamptz,
    last_power_at timestamptz,
    ended_at timestamptz,
    as_of timestamptz NOT NULL,
    charging_s double precision NOT NULL,
    suspended_ev_s double precision NOT NULL,
    suspended_evse_s double precision NOT NULL,
    idle_s double precision NOT NULL,
    energy_wh double precision,
    energy_source text,
    energy_register_wh double precision,
    energy_integrated_wh double precision,
    meter_start_wh double precision,
    meter_end_wh double precision,
    measured_s double precision NOT NULL,
    power_s double precision NOT NULL,
    power_max_w real,
    power_mean_w real,
    power_offered_w real,
    power_rated_w real,
    offered_share real,
    rated_share real,
    below_offered_share real,
    below_requested_share real,
    soc_start real,
    soc_end real,
    samples int NOT NULL,
    register_resets int NOT NULL,
    quality int NOT NULL,
    needs_repair boolean NOT NULL,
    version int NOT NULL,
    PRIMARY KEY (port_no, session_key)
);
CREATE INDEX charging_session_started ON charging_session (started_at);
CREATE INDEX charging_session_repair ON charging_session (started_at) WHERE needs_repair;
COMMENT ON TABLE charging_session IS 'A charging session from the attempt to the end; energy by the register and integrated from power, side by side';
COMMENT ON COLUMN charging_session.session_key IS 'The transaction id where one is known, else at:<start in microseconds>';
COMMENT ON COLUMN charging_session.token IS 'Keyed hash of the RFID or contract id';
COMMENT ON COLUMN charging_session.energy_wh IS 'By the register where it can be told, else integrated from power; energy_source says which';
COMMENT ON COLUMN charging_session.as_of IS 'Up to when figures of an open session go; the end of a closed one';
COMMENT ON COLUMN charging_session.needs_repair IS 'Data came too late to be counted exactly: recompute this session from reading and event';
COMMENT ON COLUMN charging_session.quality IS 'Bits of schemas.sessions.Quality';
