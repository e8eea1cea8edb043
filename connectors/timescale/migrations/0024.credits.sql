-- Money given back.

CREATE TABLE credit (
    credit_id uuid PRIMARY KEY,
    port text NOT NULL,
    session_key text NOT NULL,
    rule text NOT NULL,
    rule_version int NOT NULL,
    incident_id uuid,
    tariff text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    net_minor bigint NOT NULL CHECK (net_minor >= 0),
    tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
    charged_net_minor bigint NOT NULL,
    charged_tax_minor bigint NOT NULL,
    reason text NOT NULL,
    state text NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected', 'settled')),
    proposed_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by text,
    decided_because text,
    settled_at timestamptz,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (port, session_key, rule, rule_version),
    CHECK (net_minor + tax_minor > 0),
    CHECK (net_minor <= charged_net_minor AND tax_minor <= charged_tax_minor)
);
CREATE INDEX credit_incident ON credit (incident_id);
COMMENT ON TABLE credit IS 'A credit for a charging session, once a rule and version; whole minor units, tax apart, never more than was charged';
COMMENT ON COLUMN credit.proposed_at IS 'Time of the log: when the alert that it rests on was raised';
