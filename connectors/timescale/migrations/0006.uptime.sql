-- Availability and uptime as the flow `uptime` makes them; how: docs/uptime.md.

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
COMMENT ON COLUMN availability.reason IS 'up: ok, energy; down: faulted, unavailable, silence; unobserved: bridge, no_data';

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
    at timestamptz NOT NULL,
    since timestamptz NOT NULL,
    port_no int PRIMARY KEY,
    up_1h real,
    up_24h real,
    up_7d real,
    up_30d real,
    observed_s_30d real,
    state text NOT NULL,
    reason text NOT NULL,
    detail text
);
COMMENT ON TABLE uptime_now IS 'State of each port at the minute `at`, since when, and its rolling uptime; windows begin on a full hour';

CREATE TABLE uptime_daily (
    port_no int NOT NULL,
    day date NOT NULL,
    up_s double precision NOT NULL,
    down_s double precision NOT NULL,
    unobserved_s double precision NOT NULL,
    faulted_s double precision NOT NULL,
    unavailable_s double precision NOT NULL,
    silence_s double precision NOT NULL,
    energy_s double precision NOT NULL,
    PRIMARY KEY (port_no, day)
);
COMMENT ON TABLE uptime_daily IS 'Seconds up, down and unobserved of each port by the local day of its site; today up to the last full hour';
COMMENT ON COLUMN uptime_daily.energy_s IS 'Part of up_s that only the energy that flowed proves';
