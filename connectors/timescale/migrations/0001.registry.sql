-- The registry: which sites, stations, ports and connectors there are, and what a kilowatt-hour costs.
-- `site`, `station`, `port` hold one row per identity, with the facts in force when the registry was last imported;
-- `*_dated` hold every dated row, so a statement about March sees the site that the station stood at in March.

CREATE TABLE site (
    site_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site text NOT NULL UNIQUE,
    name text NOT NULL DEFAULT '',
    time_zone text NOT NULL DEFAULT 'UTC',
    lat double precision,
    lon double precision,
    owner text,
    opening jsonb,
    grid_limit_w real,
    valid_from timestamptz,
    valid_to timestamptz,
    CHECK (valid_to > valid_from)
);
COMMENT ON TABLE site IS 'A place with charging stations, as the registry has it now';
COMMENT ON COLUMN site.opening IS 'Opening hours: null = always, else {"mon": [["06:00", "22:00"]], ...} in local time; a missing day is closed';

CREATE TABLE station (
    station_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station text NOT NULL UNIQUE,
    site text,
    model text,
    firmware text,
    serial text,
    protocol text,
    heartbeat_s real,
    commissioned_at timestamptz,
    retired_at timestamptz,
    discovered boolean NOT NULL DEFAULT false,
    valid_from timestamptz,
    valid_to timestamptz,
    CHECK (valid_to > valid_from)
);
COMMENT ON TABLE station IS 'A charging station, as the registry has it now; discovered = it spoke before anyone registered it';

CREATE TABLE port (
    port_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    port text NOT NULL UNIQUE,
    station text NOT NULL,
    number int NOT NULL CHECK (number >= 0),
    rated_w real,
    phases int,
    kind text CHECK (kind IN ('ac', 'dc')),
    discovered boolean NOT NULL DEFAULT false,
    valid_from timestamptz,
    valid_to timestamptz,
    CHECK (port = station || '/' || number),
    CHECK (valid_to > valid_from)
);
CREATE INDEX port_station ON port (station);
COMMENT ON TABLE port IS 'A charging port; number 0 is the station itself; port_no stands for it in every other table';

CREATE TABLE connector (
    port_no int NOT NULL REFERENCES port,
    connector int NOT NULL,
    standard text NOT NULL,
    PRIMARY KEY (port_no, connector)
);
COMMENT ON TABLE connector IS 'A plug of a port and its standard';

CREATE TABLE tariff (
    tariff text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    per_kwh numeric NOT NULL DEFAULT 0,
    per_session numeric NOT NULL DEFAULT 0,
    per_minute numeric NOT NULL DEFAULT 0,
    idle_per_minute numeric NOT NULL DEFAULT 0,
    tax_percent numeric NOT NULL DEFAULT 0,
    site text,
    port text,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    PRIMARY KEY (tariff, valid_from),
    CHECK (valid_to > valid_from)
);
COMMENT ON TABLE tariff IS 'Unit prices in major units of the currency, tax apart; for one port, one site, or (both null) the network';

CREATE TABLE site_dated (
    site text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    name text NOT NULL DEFAULT '',
    time_zone text NOT NULL DEFAULT 'UTC',
    lat double precision,
    lon double precision,
    owner text,
    opening jsonb,
    grid_limit_w double precision,
    PRIMARY KEY (site, valid_from)
);
CREATE TABLE station_dated (
    station text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    site text,
    model text,
    firmware text,
    serial text,
    protocol text,
    heartbeat_s double precision,
    commissioned_at timestamptz,
    retired_at timestamptz,
    PRIMARY KEY (station, valid_from)
);
CREATE TABLE port_dated (
    port text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    rated_w double precision,
    phases int,
    kind text,
    PRIMARY KEY (port, valid_from)
);
COMMENT ON TABLE site_dated IS 'Every dated row of a site';
COMMENT ON TABLE station_dated IS 'Every dated row of a station: a station that moved has one row per site';
COMMENT ON TABLE port_dated IS 'Every dated row of a port';
