-- Who may enter. Passwords and tokens rest as hashes only.

CREATE TABLE account (
    account text PRIMARY KEY CHECK (account ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    password_hash text NOT NULL,
    roles text[] NOT NULL,
    sites text[],
    active boolean NOT NULL DEFAULT true,
    epoch int NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE account IS 'A person; sites null = all; a session signed under an older epoch is void';

CREATE TABLE token (
    token_id text PRIMARY KEY,
    name text NOT NULL,
    hash bytea NOT NULL,
    roles text[] NOT NULL,
    sites text[],
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    revoked_at timestamptz
);
COMMENT ON TABLE token IS 'A token of a machine; hash is SHA-256 of 256 random bits, the token itself is shown once and kept nowhere';

CREATE TABLE secret (
    name text PRIMARY KEY,
    value bytea NOT NULL
);
COMMENT ON TABLE secret IS 'Random keys made at the first start where the settings give none: signs the sessions of the pages';
