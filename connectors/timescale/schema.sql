-- The schema that the migrations add up to. Made from an empty database, not edited by hand:
--     chargewell migrate, then python -m connectors.timescale.dump DSN > connectors/timescale/schema.sql

-- How unusual the minute that begins at `at` was at the port, and by which channels
CREATE TABLE anomaly_score (
    at timestamp with time zone NOT NULL,
    port_no integer NOT NULL,
    score real NOT NULL,
    probability real,
    context text,
    contributions jsonb,
    CONSTRAINT anomaly_score_pkey PRIMARY KEY (port_no, at)
);

-- Lines by hour of receipt: received = stored + repeated + superseded + rejected
CREATE TABLE audit_hour (
    flow text NOT NULL,
    station text NOT NULL,
    hour timestamp with time zone NOT NULL,
    received bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    repeated bigint NOT NULL DEFAULT 0,
    superseded bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    CONSTRAINT audit_hour_pkey PRIMARY KEY (flow, station, hour)
);

-- Was the port up, down, or out of our sight; intervals of one port do not overlap; to_at null = still so
CREATE TABLE availability (
    port_no integer NOT NULL,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone,
    state text NOT NULL,
    reason text NOT NULL,
    detail text,
    CONSTRAINT availability_pkey PRIMARY KEY (port_no, from_at),
    CONSTRAINT availability_check CHECK ((to_at > from_at)),
    CONSTRAINT availability_state_check CHECK ((state = ANY (ARRAY['up'::text, 'down'::text, 'unobserved'::text])))
);

-- A charging session from the attempt to the end; energy by the register and integrated from power, side by side
CREATE TABLE charging_session (
    port_no integer NOT NULL,
    connector integer,
    session_key text NOT NULL,
    session text,
    token text,
    state text NOT NULL,
    outcome text NOT NULL,
    party text,
    stop_reason text,
    valid_stop boolean,
    fault_family text,
    fault_code text,
    start_mode text,
    attempt_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    charging_from timestamp with time zone,
    first_power_at timestamp with time zone,
    last_power_at timestamp with time zone,
    ended_at timestamp with time zone,
    as_of timestamp with time zone NOT NULL,
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
    samples integer NOT NULL,
    register_resets integer NOT NULL,
    quality integer NOT NULL,
    needs_repair boolean NOT NULL,
    version integer NOT NULL,
    CONSTRAINT charging_session_pkey PRIMARY KEY (port_no, session_key),
    CONSTRAINT charging_session_outcome_check CHECK ((outcome = ANY (ARRAY['open'::text, 'success'::text, 'failed'::text, 'cut'::text, 'unknown'::text]))),
    CONSTRAINT charging_session_state_check CHECK ((state = ANY (ARRAY['open'::text, 'closed'::text])))
);

-- A plug of a port and its standard
CREATE TABLE connector (
    port_no integer NOT NULL,
    connector integer NOT NULL,
    standard text NOT NULL,
    CONSTRAINT connector_pkey PRIMARY KEY (port_no, connector),
    CONSTRAINT connector_port_no_fkey FOREIGN KEY (port_no) REFERENCES port(port_no)
);

-- Something that happened at a port (number 0: at the station); digest tells apart what happened at one instant
CREATE TABLE event (
    at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    digest bigint NOT NULL,
    port_no integer NOT NULL,
    flags smallint NOT NULL DEFAULT 0,
    kind text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT event_pkey PRIMARY KEY (port_no, at, kind, digest)
);

-- The last raw offset whose rows are stored, written in the same transaction as the rows
CREATE TABLE flow_progress (
    flow text NOT NULL,
    shard text NOT NULL,
    origin bigint NOT NULL,
    CONSTRAINT flow_progress_pkey PRIMARY KEY (flow, shard)
);

-- Spans whose rows did not come through Kafka; the audit leaves them out
CREATE TABLE history_span (
    port_no integer NOT NULL,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone NOT NULL,
    source text NOT NULL,
    CONSTRAINT history_span_pkey PRIMARY KEY (port_no, from_at),
    CONSTRAINT history_span_check CHECK ((to_at > from_at))
);

-- Seed state of an operator for a flow without a recovery store; a cache, never the truth
CREATE TABLE operator_snapshot (
    flow text NOT NULL,
    operator text NOT NULL,
    shard text NOT NULL,
    at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    origin bigint NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT operator_snapshot_pkey PRIMARY KEY (flow, operator, shard)
);

-- A charging port; number 0 is the station itself; port_no stands for it in every other table
CREATE TABLE port (
    port_no integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    port text NOT NULL,
    station text NOT NULL,
    number integer NOT NULL,
    rated_w real,
    phases integer,
    kind text,
    discovered boolean NOT NULL DEFAULT false,
    valid_from timestamp with time zone,
    valid_to timestamp with time zone,
    CONSTRAINT port_pkey PRIMARY KEY (port_no),
    CONSTRAINT port_check CHECK ((port = ((station || '/'::text) || number))),
    CONSTRAINT port_check1 CHECK ((valid_to > valid_from)),
    CONSTRAINT port_kind_check CHECK ((kind = ANY (ARRAY['ac'::text, 'dc'::text]))),
    CONSTRAINT port_number_check CHECK ((number >= 0)),
    CONSTRAINT port_port_key UNIQUE (port)
);

-- Every dated row of a port
CREATE TABLE port_dated (
    port text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    rated_w real,
    phases integer,
    kind text,
    CONSTRAINT port_dated_pkey PRIMARY KEY (port, valid_from)
);

-- One port at one instant: V, A, W, Wh, %, degC, 1/min; null = the channel was not told
CREATE TABLE reading (
    at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    energy double precision,
    port_no integer NOT NULL,
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
    CONSTRAINT reading_pkey PRIMARY KEY (port_no, at)
);

-- Readings of one port by the minute: at is its beginning, n the number of readings in it
CREATE TABLE reading_1m (
    at timestamp with time zone NOT NULL,
    energy_last double precision,
    port_no integer NOT NULL,
    n integer NOT NULL,
    voltage_mean real,
    voltage_min real,
    voltage_max real,
    voltage_l1_mean real,
    voltage_l2_mean real,
    voltage_l3_mean real,
    current_mean real,
    current_min real,
    current_max real,
    current_l1_mean real,
    current_l2_mean real,
    current_l3_mean real,
    power_mean real,
    power_min real,
    power_max real,
    power_offered_mean real,
    current_offered_mean real,
    current_requested_mean real,
    soc_mean real,
    temp_connector_mean real,
    temp_connector_min real,
    temp_connector_max real,
    temp_internal_mean real,
    temp_internal_min real,
    temp_internal_max real,
    temp_ambient_mean real,
    fan_rpm_mean real,
    CONSTRAINT reading_1m_pkey PRIMARY KEY (port_no, at)
);

-- Measurands outside the canonical channels, one value a row
CREATE TABLE reading_other (
    at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    value double precision NOT NULL,
    port_no integer NOT NULL,
    channel text NOT NULL,
    CONSTRAINT reading_other_pkey PRIMARY KEY (port_no, channel, at)
);

-- A message, or a line of one, that was not stored, and why; the payload stands in the Kafka topic ev.rejects
CREATE TABLE reject (
    shard text NOT NULL,
    origin bigint NOT NULL,
    seq integer NOT NULL,
    received_at timestamp with time zone NOT NULL,
    station text NOT NULL,
    topic text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL DEFAULT ''::text,
    CONSTRAINT reject_pkey PRIMARY KEY (shard, origin, seq)
);

-- A place with charging stations, as the registry has it now
CREATE TABLE site (
    site_no integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    site text NOT NULL,
    name text NOT NULL DEFAULT ''::text,
    time_zone text NOT NULL DEFAULT 'UTC'::text,
    lat double precision,
    lon double precision,
    owner text,
    opening jsonb,
    grid_limit_w real,
    valid_from timestamp with time zone,
    valid_to timestamp with time zone,
    CONSTRAINT site_pkey PRIMARY KEY (site_no),
    CONSTRAINT site_check CHECK ((valid_to > valid_from)),
    CONSTRAINT site_site_key UNIQUE (site)
);

-- Every dated row of a site
CREATE TABLE site_dated (
    site text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    name text NOT NULL DEFAULT ''::text,
    time_zone text NOT NULL DEFAULT 'UTC'::text,
    lat double precision,
    lon double precision,
    owner text,
    opening jsonb,
    grid_limit_w real,
    CONSTRAINT site_dated_pkey PRIMARY KEY (site, valid_from)
);

-- A charging station, as the registry has it now; discovered = it spoke before anyone registered it
CREATE TABLE station (
    station_no integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    station text NOT NULL,
    site text,
    model text,
    firmware text,
    serial text,
    protocol text,
    heartbeat_s real,
    commissioned_at timestamp with time zone,
    retired_at timestamp with time zone,
    discovered boolean NOT NULL DEFAULT false,
    valid_from timestamp with time zone,
    valid_to timestamp with time zone,
    CONSTRAINT station_pkey PRIMARY KEY (station_no),
    CONSTRAINT station_check CHECK ((valid_to > valid_from)),
    CONSTRAINT station_station_key UNIQUE (station)
);

-- Every dated row of a station: a station that moved has one row per site
CREATE TABLE station_dated (
    station text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    site text,
    model text,
    firmware text,
    serial text,
    protocol text,
    heartbeat_s real,
    commissioned_at timestamp with time zone,
    retired_at timestamp with time zone,
    CONSTRAINT station_dated_pkey PRIMARY KEY (station, valid_from)
);

-- Unit prices in major units of the currency, tax apart; for one port, one site, or (both null) the network
CREATE TABLE tariff (
    tariff text NOT NULL,
    currency text NOT NULL,
    per_kwh numeric NOT NULL DEFAULT 0,
    per_session numeric NOT NULL DEFAULT 0,
    per_minute numeric NOT NULL DEFAULT 0,
    idle_per_minute numeric NOT NULL DEFAULT 0,
    tax_percent numeric NOT NULL DEFAULT 0,
    site text,
    port text,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    CONSTRAINT tariff_pkey PRIMARY KEY (tariff, valid_from),
    CONSTRAINT tariff_check CHECK ((valid_to > valid_from)),
    CONSTRAINT tariff_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text))
);

-- Seconds up, down and unobserved of each port by the local day of its site; today up to the last full hour
CREATE TABLE uptime_daily (
    port_no integer NOT NULL,
    day date NOT NULL,
    up_s double precision NOT NULL,
    down_s double precision NOT NULL,
    unobserved_s double precision NOT NULL,
    faulted_s double precision NOT NULL,
    unavailable_s double precision NOT NULL,
    silence_s double precision NOT NULL,
    energy_s double precision NOT NULL,
    CONSTRAINT uptime_daily_pkey PRIMARY KEY (port_no, day)
);

-- State of each port at the minute `at`, since when, and its rolling uptime; windows begin on a full hour
CREATE TABLE uptime_now (
    at timestamp with time zone NOT NULL,
    since timestamp with time zone NOT NULL,
    port_no integer NOT NULL,
    up_1h real,
    up_24h real,
    up_7d real,
    up_30d real,
    observed_s_30d real,
    state text NOT NULL,
    reason text NOT NULL,
    detail text,
    CONSTRAINT uptime_now_pkey PRIMARY KEY (port_no)
);

-- Share of observed time (0..1) that the port was up in the time before the full hour `at`
CREATE TABLE uptime_rolling (
    at timestamp with time zone NOT NULL,
    port_no integer NOT NULL,
    up_1h real,
    up_24h real,
    up_7d real,
    up_30d real,
    observed_s_30d real,
    CONSTRAINT uptime_rolling_pkey PRIMARY KEY (port_no, at)
);

CREATE INDEX charging_session_repair ON charging_session USING btree (started_at) WHERE needs_repair;
CREATE INDEX charging_session_started ON charging_session USING btree (started_at);
CREATE INDEX port_station ON port USING btree (station);
CREATE INDEX reject_received_at ON reject USING btree (received_at);

-- VIEW anomaly_score: Anomaly score of each port and minute, with the channels that made it; port text, at timestamp
--     with time zone, score real, probability real, context text, contributions jsonb, port_no integer
-- VIEW audit_hour: What became of every line, by station and hour of receipt; unaccounted must be 0; flow text,
--     station text, hour timestamp with time zone, received bigint, stored bigint, repeated bigint, superseded
--     bigint, rejected bigint, unaccounted bigint
-- VIEW availability: Intervals in which a port was up, down or unobserved; to_at null = still so; port text, from_at
--     timestamp with time zone, to_at timestamp with time zone, state text, reason text, detail text, port_no integer
-- VIEW charging_session: Charging sessions: energy by register and integrated, power, reason of the end, who answers
--     for it; port text, port_no integer, connector integer, session_key text, session text, token text, state text,
--     outcome text, party text, stop_reason text, valid_stop boolean, fault_family text, fault_code text, start_mode
--     text, attempt_at timestamp with time zone, started_at timestamp with time zone, charging_from timestamp with
--     time zone, first_power_at timestamp with time zone, last_power_at timestamp with time zone, ended_at timestamp
--     with time zone, as_of timestamp with time zone, charging_s double precision, suspended_ev_s double precision,
--     suspended_evse_s double precision, idle_s double precision, energy_wh double precision, energy_source text,
--     energy_register_wh double precision, energy_integrated_wh double precision, meter_start_wh double precision,
--     meter_end_wh double precision, measured_s double precision, power_s double precision, power_max_w real,
--     power_mean_w real, power_offered_w real, power_rated_w real, offered_share real, rated_share real,
--     below_offered_share real, below_requested_share real, soc_start real, soc_end real, samples integer,
--     register_resets integer, quality integer, needs_repair boolean, version integer
-- VIEW event: What happened at a port: status, session, boot, fault, connection, ...; port text, at timestamp with
--     time zone, kind text, data jsonb, flags smallint, received_at timestamp with time zone, port_no integer
-- VIEW port: Every port with its station and site; discovered = not registered yet, so in no statement; port text,
--     station text, number integer, site text, site_name text, time_zone text, lat double precision, lon double
--     precision, owner text, kind text, rated_w real, phases integer, model text, firmware text, protocol text,
--     heartbeat_s real, commissioned_at timestamp with time zone, retired_at timestamp with time zone, discovered
--     boolean, port_no integer
-- VIEW reading: Readings as told: V, A, W, Wh, %, degC, 1/min; null = not told; port text, at timestamp with time
--     zone, voltage real, voltage_l1 real, voltage_l2 real, voltage_l3 real, current real, current_l1 real,
--     current_l2 real, current_l3 real, power real, power_offered real, current_offered real, current_requested real,
--     energy double precision, soc real, temp_connector real, temp_internal real, temp_ambient real, fan_rpm real,
--     flags smallint, received_at timestamp with time zone, port_no integer
-- VIEW reading_1m: Readings by the minute; at = its beginning, n = readings in it; port text, at timestamp with time
--     zone, n integer, voltage_mean real, voltage_min real, voltage_max real, voltage_l1_mean real, voltage_l2_mean
--     real, voltage_l3_mean real, current_mean real, current_min real, current_max real, current_l1_mean real,
--     current_l2_mean real, current_l3_mean real, power_mean real, power_min real, power_max real, power_offered_mean
--     real, current_offered_mean real, current_requested_mean real, energy_last double precision, soc_mean real,
--     temp_connector_mean real, temp_connector_min real, temp_connector_max real, temp_internal_mean real,
--     temp_internal_min real, temp_internal_max real, temp_ambient_mean real, fan_rpm_mean real, port_no integer
-- VIEW reading_other: Values of all other measurands; port text, channel text, at timestamp with time zone, value
--     double precision, received_at timestamp with time zone, port_no integer
-- VIEW reject: Messages (or lines of them) that were not stored, and why; shard text, origin bigint, seq integer,
--     station text, topic text, reason text, detail text, received_at timestamp with time zone
-- VIEW tariff: Unit prices in force from valid_from to valid_to; tariff text, currency text, per_kwh numeric,
--     per_session numeric, per_minute numeric, idle_per_minute numeric, tax_percent numeric, site text, port text,
--     valid_from timestamp with time zone, valid_to timestamp with time zone
-- VIEW uptime_daily: Seconds up, down and unobserved by the local day of the site; port text, port_no integer, day
--     date, up_s double precision, down_s double precision, unobserved_s double precision, faulted_s double
--     precision, unavailable_s double precision, silence_s double precision, energy_s double precision
-- VIEW uptime_now: The newest rolling uptime of each port; port text, at timestamp with time zone, since timestamp
--     with time zone, port_no integer, up_1h real, up_24h real, up_7d real, up_30d real, observed_s_30d real, state
--     text, reason text, detail text
-- VIEW uptime_rolling: Share of observed time that a port was up, hour by hour, over 1 h, 24 h, 7 d, 30 d; port text,
--     at timestamp with time zone, port_no integer, up_1h real, up_24h real, up_7d real, up_30d real, observed_s_30d
--     real

-- edition: plain
CREATE INDEX anomaly_score_at ON anomaly_score USING brin (at) WITH (autosummarize='on');
CREATE INDEX event_at ON event USING brin (at) WITH (autosummarize='on');
CREATE INDEX reading_1m_at ON reading_1m USING brin (at) WITH (autosummarize='on');
CREATE INDEX reading_at ON reading USING brin (at) WITH (autosummarize='on');
CREATE INDEX reading_other_at ON reading_other USING brin (at) WITH (autosummarize='on');

-- edition: timescaledb
-- HYPERTABLE anomaly_score by at, chunks of 7 days
-- HYPERTABLE event by at, chunks of 30 days
-- HYPERTABLE reading by at, chunks of 1 day
-- HYPERTABLE reading_1m by at, chunks of 7 days
-- HYPERTABLE reading_other by at, chunks of 7 days
