-- The schema that the migrations add up to. Made from an empty database, not edited by hand:
--     chargewell migrate, then python -m connectors.timescale.dump DSN > connectors/timescale/schema.sql

-- A person; sites null = all; a session signed under an older epoch is void
CREATE TABLE account (
    account text NOT NULL,
    password_hash text NOT NULL,
    roles text[] NOT NULL,
    sites text[],
    active boolean NOT NULL DEFAULT true,
    epoch integer NOT NULL DEFAULT 1,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT account_pkey PRIMARY KEY (account),
    CONSTRAINT account_account_check CHECK ((account ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'::text))
);

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

-- Outcomes of the last writes, by station and hour (since 1970), not yet added to audit_sum
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

-- Outcomes of lines by station and hour of receipt, but for the last writes
CREATE TABLE audit_sum (
    flow text NOT NULL,
    station text NOT NULL,
    hour timestamp with time zone NOT NULL,
    stored bigint NOT NULL,
    repeated bigint NOT NULL,
    superseded bigint NOT NULL,
    rejected bigint NOT NULL,
    CONSTRAINT audit_sum_pkey PRIMARY KEY (flow, station, hour)
) WITH (fillfactor=60);

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

-- Everything that control did, with its actor; rows are added, never changed or taken away
CREATE TABLE change_log (
    change_no bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    action text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    reason text,
    data jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT change_log_pkey PRIMARY KEY (change_no)
);

-- Closed charging sessions and visits by port and UTC day of their start; a visit counts at the port of its first attempt
CREATE TABLE charging_daily (
    port_no integer NOT NULL,
    day date NOT NULL,
    sessions integer NOT NULL,
    success integer NOT NULL,
    failed integer NOT NULL,
    cut integer NOT NULL,
    unknown integer NOT NULL,
    energy_wh double precision NOT NULL,
    visits integer NOT NULL,
    first_time integer NOT NULL,
    troubled integer NOT NULL,
    CONSTRAINT charging_daily_pkey PRIMARY KEY (port_no, day)
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

-- A command to a station: sent once, never after expires_at; the answer comes back as an event
CREATE TABLE command (
    command_id uuid NOT NULL,
    command_no bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    order_id uuid,
    incident_id uuid,
    station text NOT NULL,
    port text NOT NULL,
    name text NOT NULL,
    params jsonb NOT NULL DEFAULT '{}'::jsonb,
    safety boolean NOT NULL DEFAULT false,
    state text NOT NULL,
    actor text NOT NULL,
    why text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    answered_at timestamp with time zone,
    info text NOT NULL DEFAULT ''::text,
    CONSTRAINT command_pkey PRIMARY KEY (command_id),
    CONSTRAINT command_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'sending'::text, 'sent'::text, 'accepted'::text, 'rejected'::text, 'failed'::text, 'expired'::text, 'refused'::text, 'withdrawn'::text])))
);

-- A plug of a port and its standard
CREATE TABLE connector (
    port_no integer NOT NULL,
    connector integer NOT NULL,
    standard text NOT NULL,
    CONSTRAINT connector_pkey PRIMARY KEY (port_no, connector),
    CONSTRAINT connector_port_no_fkey FOREIGN KEY (port_no) REFERENCES port(port_no)
);

-- The last number given; taken in the transaction that uses it, so no number is missing
CREATE TABLE counter (
    name text NOT NULL,
    value bigint NOT NULL,
    CONSTRAINT counter_pkey PRIMARY KEY (name)
);

-- A credit for a charging session, once a rule and version; whole minor units, tax apart, never more than was charged
CREATE TABLE credit (
    credit_id uuid NOT NULL,
    port text NOT NULL,
    session_key text NOT NULL,
    rule text NOT NULL,
    rule_version integer NOT NULL,
    incident_id uuid,
    tariff text NOT NULL,
    currency text NOT NULL,
    net_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    charged_net_minor bigint NOT NULL,
    charged_tax_minor bigint NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decided_by text,
    decided_because text,
    settled_at timestamp with time zone,
    recorded_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT credit_pkey PRIMARY KEY (credit_id),
    CONSTRAINT credit_check CHECK (((net_minor + tax_minor) > 0)),
    CONSTRAINT credit_check1 CHECK (((net_minor <= charged_net_minor) AND (tax_minor <= charged_tax_minor))),
    CONSTRAINT credit_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT credit_net_minor_check CHECK ((net_minor >= 0)),
    CONSTRAINT credit_port_session_key_rule_rule_version_key UNIQUE (port, session_key, rule, rule_version),
    CONSTRAINT credit_state_check CHECK ((state = ANY (ARRAY['proposed'::text, 'approved'::text, 'rejected'::text, 'settled'::text]))),
    CONSTRAINT credit_tax_minor_check CHECK ((tax_minor >= 0))
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

-- Probability that a fault family strikes a port within 24 h, 7 d and 30 d of `at`, with what moved it; of each port, hour and model the likeliest family, and others that stand out
CREATE TABLE failure_risk (
    at timestamp with time zone NOT NULL,
    expected_lead_s double precision,
    port_no integer NOT NULL,
    p_24h real NOT NULL,
    p_7d real NOT NULL,
    p_30d real NOT NULL,
    family text NOT NULL,
    model_version text NOT NULL,
    shadow boolean NOT NULL,
    reasons jsonb,
    CONSTRAINT failure_risk_pkey PRIMARY KEY (port_no, at, family, model_version)
);

-- What a technician found and did, in the codes of schemas.work
CREATE TABLE finding (
    finding_no bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    order_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    found boolean NOT NULL,
    family text NOT NULL,
    mechanism text,
    cause text NOT NULL,
    activity text NOT NULL,
    part text NOT NULL,
    note text NOT NULL,
    CONSTRAINT finding_pkey PRIMARY KEY (finding_no),
    CONSTRAINT finding_order_id_fkey FOREIGN KEY (order_id) REFERENCES work_order(order_id)
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

-- Every alert revision that was taken, once; what is here was handled in the same transaction
CREATE TABLE inbox (
    alert_id uuid NOT NULL,
    revision integer NOT NULL,
    incident_id uuid NOT NULL,
    subject text NOT NULL,
    said_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    historic boolean NOT NULL,
    body jsonb NOT NULL,
    CONSTRAINT inbox_pkey PRIMARY KEY (alert_id, revision)
);

-- Records of the alert topic that could not be taken, and why; they hold nobody up
CREATE TABLE inbox_reject (
    topic text NOT NULL,
    shard integer NOT NULL,
    origin bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    key text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT inbox_reject_pkey PRIMARY KEY (topic, shard, origin)
);

-- One cause at one port or station; at most one is open for a port and fault family
CREATE TABLE incident (
    incident_id uuid NOT NULL,
    port text NOT NULL,
    station text NOT NULL,
    family text NOT NULL,
    severity text NOT NULL,
    state text NOT NULL,
    source text NOT NULL,
    history boolean NOT NULL DEFAULT false,
    onset_at timestamp with time zone NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    closed_because text,
    why text NOT NULL DEFAULT ''::text,
    score real,
    probability real,
    ports text[] NOT NULL,
    order_id uuid,
    recorded_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    predicted_at timestamp with time zone,
    CONSTRAINT incident_pkey PRIMARY KEY (incident_id),
    CONSTRAINT incident_check CHECK (((state = 'closed'::text) = (closed_at IS NOT NULL))),
    CONSTRAINT incident_severity_check CHECK ((severity = ANY (ARRAY['P1'::text, 'P2'::text, 'P3'::text, 'P4'::text]))),
    CONSTRAINT incident_source_check CHECK ((source = ANY (ARRAY['alert'::text, 'report'::text]))),
    CONSTRAINT incident_state_check CHECK ((state = ANY (ARRAY['open'::text, 'closed'::text])))
);

-- What was wrong with a port over a span, by one who knows (schemas.labels); present false: it was looked for and was not there
CREATE TABLE label (
    label_no bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    port text NOT NULL,
    start_at timestamp with time zone NOT NULL,
    end_at timestamp with time zone,
    fault text NOT NULL,
    variant text NOT NULL DEFAULT ''::text,
    severity real,
    ramp_s real NOT NULL DEFAULT 0,
    signs text[] NOT NULL DEFAULT '{}'::text[],
    source text NOT NULL,
    who text NOT NULL,
    note text NOT NULL DEFAULT ''::text,
    present boolean NOT NULL DEFAULT true,
    order_id uuid,
    CONSTRAINT label_pkey PRIMARY KEY (label_no),
    CONSTRAINT label_source_check CHECK ((source = ANY (ARRAY['simulator'::text, 'technician'::text, 'operator'::text])))
);

-- Failure models: where they come from, how good they were on other data, and the bytes that are loaded; one is live, others may run in shadow
CREATE TABLE model (
    version text NOT NULL,
    state text NOT NULL,
    source text NOT NULL,
    trained_at timestamp with time zone NOT NULL,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone NOT NULL,
    level real NOT NULL,
    features jsonb NOT NULL,
    scores jsonb NOT NULL,
    promoted_at timestamp with time zone,
    digest bytea NOT NULL,
    body bytea NOT NULL,
    recorded_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT model_pkey PRIMARY KEY (version),
    CONSTRAINT model_level_check CHECK (((level > (0)::double precision) AND (level < (1)::double precision))),
    CONSTRAINT model_state_check CHECK ((state = ANY (ARRAY['live'::text, 'shadow'::text, 'retired'::text]))),
    CONSTRAINT model_version_check CHECK ((version <> ''::text))
);

-- What was said and done about an incident or a work order, in order
CREATE TABLE note (
    note_no bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    incident_id uuid,
    order_id uuid,
    at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT note_pkey PRIMARY KEY (note_no),
    CONSTRAINT note_check CHECK (((incident_id IS NOT NULL) OR (order_id IS NOT NULL))),
    CONSTRAINT note_kind_check CHECK ((kind = ANY (ARRAY['alert'::text, 'note'::text, 'state'::text, 'remedy'::text, 'report'::text, 'credit'::text, 'finding'::text])))
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
    rated_w double precision,
    phases integer,
    kind text,
    CONSTRAINT port_dated_pkey PRIMARY KEY (port, valid_from)
);

-- What an hour (at: its beginning) showed of a port's load, heat, delivery, values and errors; meaning of the columns: docs/failure-prediction.md
CREATE TABLE port_hour (
    at timestamp with time zone NOT NULL,
    port_no integer NOT NULL,
    ambient real,
    load real,
    busy real,
    contact_heat real,
    contact_peak real,
    cabinet_heat real,
    cabinet_rise real,
    fan real,
    delivered real,
    voltage real,
    imbalance real,
    isolation real,
    contactor_delay real,
    lock_retries real,
    free_memory real,
    score real,
    residual_connector real,
    residual_cabinet real,
    residual_delivery real,
    faults real,
    failed real,
    boots real,
    lost real,
    sessions real,
    errors jsonb,
    CONSTRAINT port_hour_pkey PRIMARY KEY (port_no, at)
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

-- What a driver reported by the QR code; no name, no address
CREATE TABLE report (
    report_no bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    incident_id uuid NOT NULL,
    port text NOT NULL,
    at timestamp with time zone NOT NULL,
    problem text NOT NULL,
    text text NOT NULL DEFAULT ''::text,
    CONSTRAINT report_pkey PRIMARY KEY (report_no)
);

-- Random keys made at the first start where the settings give none: signs the sessions of the pages
CREATE TABLE secret (
    name text NOT NULL,
    value bytea NOT NULL,
    CONSTRAINT secret_pkey PRIMARY KEY (name)
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
    grid_limit_w double precision,
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
    heartbeat_s double precision,
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

-- A token of a machine; hash is SHA-256 of 256 random bits, the token itself is shown once and kept nowhere
CREATE TABLE token (
    token_id text NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL,
    roles text[] NOT NULL,
    sites text[],
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT token_pkey PRIMARY KEY (token_id)
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

-- What is wrong, why we think so, what to bring and to check, how soon, and where it stands
CREATE TABLE work_order (
    order_id uuid NOT NULL,
    number text NOT NULL,
    port text NOT NULL,
    station text NOT NULL,
    family text NOT NULL,
    priority text NOT NULL,
    state text NOT NULL,
    source text NOT NULL,
    what text NOT NULL,
    why text NOT NULL,
    bring text[] NOT NULL,
    checks text[] NOT NULL,
    onset_at timestamp with time zone NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    respond_by timestamp with time zone,
    safe_by timestamp with time zone,
    restore_by timestamp with time zone NOT NULL,
    cleared_at timestamp with time zone,
    assignee text,
    state_since timestamp with time zone NOT NULL,
    responded_at timestamp with time zone,
    resolved_at timestamp with time zone,
    ended_because text,
    recorded_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    predicted_at timestamp with time zone,
    planned_from timestamp with time zone,
    planned_to timestamp with time zone,
    model_version text,
    CONSTRAINT work_order_pkey PRIMARY KEY (order_id),
    CONSTRAINT work_order_number_key UNIQUE (number),
    CONSTRAINT work_order_priority_check CHECK ((priority = ANY (ARRAY['P1'::text, 'P2'::text, 'P3'::text, 'P4'::text]))),
    CONSTRAINT work_order_source_check CHECK ((source = ANY (ARRAY['alert'::text, 'report'::text, 'manual'::text]))),
    CONSTRAINT work_order_state_check CHECK ((state = ANY (ARRAY['open'::text, 'acknowledged'::text, 'remote_attempt'::text, 'dispatched'::text, 'on_site'::text, 'waiting_parts'::text, 'waiting_utility'::text, 'resolved'::text, 'verified'::text, 'cancelled'::text])))
);

CREATE INDEX audit_recent_shard ON audit_recent USING btree (flow, shard);
CREATE INDEX change_log_subject ON change_log USING btree (kind, subject, change_no);
CREATE INDEX charging_session_day ON charging_session USING btree (port_no, (((started_at AT TIME ZONE 'UTC'::text))::date));
CREATE INDEX charging_session_repair ON charging_session USING btree (started_at) WHERE needs_repair;
CREATE INDEX charging_session_started ON charging_session USING btree (started_at);
CREATE INDEX command_order ON command USING btree (order_id);
CREATE INDEX command_station ON command USING btree (station, created_at);
CREATE INDEX command_unanswered ON command USING btree (expires_at) WHERE (state = ANY (ARRAY['pending'::text, 'sending'::text, 'sent'::text]));
CREATE INDEX credit_incident ON credit USING btree (incident_id);
CREATE INDEX credit_to_decide ON credit USING btree (proposed_at) WHERE (state = 'proposed'::text);
CREATE INDEX failure_risk_midnight ON failure_risk USING btree (at) WHERE (EXTRACT(hour FROM (at AT TIME ZONE 'UTC'::text)) = (0)::numeric);
CREATE INDEX finding_order ON finding USING btree (order_id);
CREATE INDEX inbox_incident ON inbox USING btree (incident_id);
CREATE INDEX inbox_received_at ON inbox USING btree (received_at);
CREATE INDEX incident_order ON incident USING btree (order_id);
CREATE INDEX incident_port ON incident USING btree (port, opened_at);
CREATE INDEX incident_station ON incident USING btree (station, opened_at);
CREATE INDEX label_port ON label USING btree (port, start_at);
CREATE INDEX note_incident ON note USING btree (incident_id, note_no);
CREATE INDEX note_order ON note USING btree (order_id, note_no);
CREATE INDEX port_station ON port USING btree (station);
CREATE INDEX reject_received_at ON reject USING btree (received_at);
CREATE INDEX work_order_station ON work_order USING btree (station, opened_at);
CREATE INDEX work_order_to_verify ON work_order USING btree (number) WHERE (state = 'resolved'::text);
CREATE UNIQUE INDEX incident_one_open ON incident USING btree (port, family) WHERE (state = 'open'::text);
CREATE UNIQUE INDEX model_one_live ON model USING btree ((true)) WHERE (state = 'live'::text);
CREATE UNIQUE INDEX work_order_one_active ON work_order USING btree (port, family) WHERE (state <> ALL (ARRAY['resolved'::text, 'verified'::text, 'cancelled'::text]));

-- VIEW audit_hour: Lines by station and hour of receipt: received = stored + repeated + superseded + rejected; flow
--     text, station text, hour timestamp with time zone, received bigint, stored bigint, repeated bigint, superseded
--     bigint, rejected bigint
-- VIEW pub.alert: Every revision of every alert that control took; alert_id uuid, revision integer, port text,
--     subject text, family text, kind text, severity text, state text, onset_at timestamp with time zone, raised_at
--     timestamp with time zone, cleared_at timestamp with time zone, said_at timestamp with time zone, received_at
--     timestamp with time zone, historic boolean, score double precision, probability double precision, text text,
--     source text, incident_id uuid
-- VIEW pub.alert_reject: Records of the alert topic that control set aside, and why; topic text, shard integer,
--     origin bigint, received_at timestamp with time zone, key text, reason text, detail text
-- VIEW pub.anomaly_score: Anomaly score of each port and minute, with the channels that made it; port text, at
--     timestamp with time zone, score real, probability real, context text, contributions jsonb, port_no integer
-- VIEW pub.audit_hour: What became of every line, by station and hour of receipt; unaccounted must be 0; flow text,
--     station text, hour timestamp with time zone, received bigint, stored bigint, repeated bigint, superseded
--     bigint, rejected bigint, unaccounted bigint
-- VIEW pub.availability: Intervals in which a port was up, down or unobserved; to_at null = still so; port text,
--     from_at timestamp with time zone, to_at timestamp with time zone, state text, reason text, detail text, port_no
--     integer
-- VIEW pub.charging_daily: Charging by port and UTC day of the start: sessions by outcome, energy, and visits that
--     worked at the first attempt; port text, day date, sessions integer, success integer, failed integer, cut
--     integer, unknown integer, energy_wh double precision, visits integer, first_time integer, troubled integer,
--     port_no integer
-- VIEW pub.charging_session: Charging sessions: energy by register and integrated, power, reason of the end, who
--     answers for it; port text, port_no integer, connector integer, session_key text, session text, token text,
--     state text, outcome text, party text, stop_reason text, valid_stop boolean, fault_family text, fault_code text,
--     start_mode text, attempt_at timestamp with time zone, started_at timestamp with time zone, charging_from
--     timestamp with time zone, first_power_at timestamp with time zone, last_power_at timestamp with time zone,
--     ended_at timestamp with time zone, as_of timestamp with time zone, charging_s double precision, suspended_ev_s
--     double precision, suspended_evse_s double precision, idle_s double precision, energy_wh double precision,
--     energy_source text, energy_register_wh double precision, energy_integrated_wh double precision, meter_start_wh
--     double precision, meter_end_wh double precision, measured_s double precision, power_s double precision,
--     power_max_w real, power_mean_w real, power_offered_w real, power_rated_w real, offered_share real, rated_share
--     real, below_offered_share real, below_requested_share real, soc_start real, soc_end real, samples integer,
--     register_resets integer, quality integer, needs_repair boolean, version integer
-- VIEW pub.command: Commands to stations and what became of them; command_id uuid, station text, port text, name
--     text, params jsonb, state text, why text, created_at timestamp with time zone, expires_at timestamp with time
--     zone, sent_at timestamp with time zone, answered_at timestamp with time zone, info text, work_order text
-- VIEW pub.credit: Credits in whole minor units of their currency, tax apart; credit_id uuid, port text, session_key
--     text, rule text, rule_version integer, tariff text, currency text, net_minor bigint, tax_minor bigint,
--     charged_net_minor bigint, charged_tax_minor bigint, reason text, state text, proposed_at timestamp with time
--     zone, decided_at timestamp with time zone, settled_at timestamp with time zone, incident_id uuid
-- VIEW pub.event: What happened at a port: status, session, boot, fault, connection, ...; port text, at timestamp
--     with time zone, kind text, data jsonb, flags smallint, received_at timestamp with time zone, port_no integer
-- VIEW pub.failure_risk: Probability that a fault family strikes a port soon, hour by hour, with reasons; shadow = by
--     a model that is not live; port text, at timestamp with time zone, family text, p_24h real, p_7d real, p_30d
--     real, expected_lead_s double precision, reasons jsonb, model_version text, shadow boolean, port_no integer
-- VIEW pub.finding: What technicians found and did; work_order text, port text, at timestamp with time zone, found
--     boolean, family text, mechanism text, cause text, activity text, part text, note text
-- VIEW pub.flow_state: The newest time that each flow has written about; null: nothing for three hours (uptime,
--     control: ever); flow text, newest_at timestamp with time zone, age_s double precision
-- VIEW pub.incident: One cause at one port or station, with why we think so; incident_id uuid, port text, station
--     text, site text, family text, severity text, state text, source text, history boolean, onset_at timestamp with
--     time zone, opened_at timestamp with time zone, closed_at timestamp with time zone, closed_because text, why
--     text, score real, probability real, ports text[], work_order text, recorded_at timestamp with time zone,
--     predicted_at timestamp with time zone
-- VIEW pub.label: What was wrong with a port over a span, by one who knows; present false: it was not there; port
--     text, start_at timestamp with time zone, end_at timestamp with time zone, fault text, variant text, severity
--     real, ramp_s real, signs text[], source text, who text, note text, present boolean
-- VIEW pub.model: Failure models with their data span, features and scores; one is live; version text, state text,
--     source text, trained_at timestamp with time zone, from_at timestamp with time zone, to_at timestamp with time
--     zone, level real, features jsonb, scores jsonb, promoted_at timestamp with time zone, recorded_at timestamp
--     with time zone
-- VIEW pub.outage: Times without service: down intervals that follow each other at once are one outage, under its
--     first reason; port text, station text, site text, model text, firmware text, kind text, from_at timestamp with
--     time zone, to_at timestamp with time zone, seconds double precision, reason text, detail text, port_no integer
-- VIEW pub.port: Every port with its station and site; discovered = not registered yet, so in no statement; port
--     text, station text, number integer, site text, site_name text, time_zone text, lat double precision, lon double
--     precision, owner text, kind text, rated_w real, phases integer, model text, firmware text, protocol text,
--     heartbeat_s real, commissioned_at timestamp with time zone, retired_at timestamp with time zone, discovered
--     boolean, port_no integer
-- VIEW pub.port_hour: What an hour showed of a port: the rows that failure models look at; port text, at timestamp
--     with time zone, port_no integer, ambient real, load real, busy real, contact_heat real, contact_peak real,
--     cabinet_heat real, cabinet_rise real, fan real, delivered real, voltage real, imbalance real, isolation real,
--     contactor_delay real, lock_retries real, free_memory real, score real, residual_connector real,
--     residual_cabinet real, residual_delivery real, faults real, failed real, boots real, lost real, sessions real,
--     errors jsonb
-- VIEW pub.port_now: Every charging port in service as it is now: state, rolling uptime, open incidents, its most
--     urgent order; port text, station text, number integer, site text, site_name text, lat double precision, lon
--     double precision, kind text, rated_w real, model text, firmware text, protocol text, discovered boolean, state
--     text, reason text, detail text, since timestamp with time zone, at timestamp with time zone, up_1h real, up_24h
--     real, up_7d real, up_30d real, observed_s_30d real, incidents integer, severity text, work_order text,
--     work_order_state text, port_no integer
-- VIEW pub.reading: Readings as told: V, A, W, Wh, %, degC, 1/min; null = not told; port text, at timestamp with time
--     zone, voltage real, voltage_l1 real, voltage_l2 real, voltage_l3 real, current real, current_l1 real,
--     current_l2 real, current_l3 real, power real, power_offered real, current_offered real, current_requested real,
--     energy double precision, soc real, temp_connector real, temp_internal real, temp_ambient real, fan_rpm real,
--     flags smallint, received_at timestamp with time zone, port_no integer
-- VIEW pub.reading_1m: Readings by the minute; at = its beginning, n = readings in it; port text, at timestamp with
--     time zone, n integer, voltage_mean real, voltage_min real, voltage_max real, voltage_l1_mean real,
--     voltage_l2_mean real, voltage_l3_mean real, current_mean real, current_min real, current_max real,
--     current_l1_mean real, current_l2_mean real, current_l3_mean real, power_mean real, power_min real, power_max
--     real, power_offered_mean real, current_offered_mean real, current_requested_mean real, energy_last double
--     precision, soc_mean real, temp_connector_mean real, temp_connector_min real, temp_connector_max real,
--     temp_internal_mean real, temp_internal_min real, temp_internal_max real, temp_ambient_mean real, fan_rpm_mean
--     real, port_no integer
-- VIEW pub.reading_other: Values of all other measurands; port text, channel text, at timestamp with time zone, value
--     double precision, received_at timestamp with time zone, port_no integer
-- VIEW pub.reject: Messages (or lines of them) that were not stored, and why; shard text, origin bigint, seq integer,
--     station text, topic text, reason text, detail text, received_at timestamp with time zone
-- VIEW pub.tariff: Unit prices in force from valid_from to valid_to; tariff text, currency text, per_kwh numeric,
--     per_session numeric, per_minute numeric, idle_per_minute numeric, tax_percent numeric, site text, port text,
--     valid_from timestamp with time zone, valid_to timestamp with time zone
-- VIEW pub.uptime_daily: Seconds up, down and unobserved by the local day of the site; port text, port_no integer,
--     day date, up_s double precision, down_s double precision, unobserved_s double precision, faulted_s double
--     precision, unavailable_s double precision, silence_s double precision, energy_s double precision
-- VIEW pub.uptime_now: The newest rolling uptime of each port; port text, at timestamp with time zone, since
--     timestamp with time zone, port_no integer, up_1h real, up_24h real, up_7d real, up_30d real, observed_s_30d
--     real, state text, reason text, detail text
-- VIEW pub.uptime_rolling: Share of observed time that a port was up, hour by hour, over 1 h, 24 h, 7 d, 30 d; port
--     text, at timestamp with time zone, port_no integer, up_1h real, up_24h real, up_7d real, up_30d real,
--     observed_s_30d real
-- VIEW pub.visit: Attempts of one driver at one station close after one another, and whether the first one worked; by
--     UTC day. For sums: "pub".charging_daily; day date, site text, station text, port text, model text, firmware
--     text, started_at timestamp with time zone, ended_at timestamp with time zone, attempts integer, energy_wh
--     double precision, outcome text, port_no integer
-- VIEW pub.work_order: What somebody does about an incident, how soon, and where it stands; number text, port text,
--     station text, site text, family text, priority text, state text, source text, what text, why text, bring
--     text[], checks text[], onset_at timestamp with time zone, opened_at timestamp with time zone, respond_by
--     timestamp with time zone, safe_by timestamp with time zone, restore_by timestamp with time zone, cleared_at
--     timestamp with time zone, assignee text, state_since timestamp with time zone, responded_at timestamp with time
--     zone, resolved_at timestamp with time zone, ended_because text, order_id uuid, predicted_at timestamp with time
--     zone, planned_from timestamp with time zone, planned_to timestamp with time zone, model_version text
-- VIEW visit: What one driver tried at one station with short pauses (30 minutes; 2 where nobody knows who), by UTC
--     day of the start; day date, station text, port_no integer, started_at timestamp with time zone, ended_at
--     timestamp with time zone, attempts integer, energy_wh double precision, outcome text

-- edition: plain
CREATE INDEX anomaly_score_at ON anomaly_score USING brin (at) WITH (autosummarize='on');
CREATE INDEX audit_sum_hour ON audit_sum USING brin (hour) WITH (autosummarize='on', pages_per_range='32');
CREATE INDEX event_times ON event USING brin (at, received_at) WITH (autosummarize='on');
CREATE INDEX failure_risk_at ON failure_risk USING brin (at) WITH (autosummarize='on');
CREATE INDEX port_hour_at ON port_hour USING brin (at) WITH (autosummarize='on');
CREATE INDEX reading_1m_at ON reading_1m USING brin (at) WITH (autosummarize='on');
CREATE INDEX reading_other_times ON reading_other USING brin (at, received_at) WITH (autosummarize='on');
CREATE INDEX reading_times ON reading USING brin (at, received_at) WITH (autosummarize='on');
CREATE INDEX uptime_rolling_at ON uptime_rolling USING brin (at) WITH (autosummarize='on', pages_per_range='32');

-- edition: timescaledb
CREATE INDEX audit_sum_hour ON audit_sum USING brin (hour) WITH (autosummarize='on', pages_per_range='32');
CREATE INDEX event_times ON event USING brin (at, received_at) WITH (autosummarize='on');
CREATE INDEX reading_other_times ON reading_other USING brin (at, received_at) WITH (autosummarize='on');
CREATE INDEX reading_times ON reading USING brin (at, received_at) WITH (autosummarize='on');
CREATE INDEX uptime_rolling_at ON uptime_rolling USING brin (at) WITH (autosummarize='on', pages_per_range='32');
-- HYPERTABLE anomaly_score by at, chunks of 7 days
-- HYPERTABLE event by at, chunks of 30 days
-- HYPERTABLE failure_risk by at, chunks of 30 days
-- HYPERTABLE port_hour by at, chunks of 30 days
-- HYPERTABLE reading by at, chunks of 1 day
-- HYPERTABLE reading_1m by at, chunks of 7 days
-- HYPERTABLE reading_other by at, chunks of 7 days
