-- prices_of: the tariff in force for a port at an instant; the port's own before the site's before the network's
SELECT t.tariff, t.currency, t.per_kwh, t.per_session, t.per_minute, t.idle_per_minute, t.tax_percent
FROM tariff t
WHERE t.valid_from <= %(at)s AND (t.valid_to IS NULL OR t.valid_to > %(at)s)
  AND (t.port = %(port)s OR (t.port IS NULL AND (t.site IS NULL OR t.site = coalesce(
        (SELECT d.site FROM station_dated d WHERE d.station = %(station)s AND d.valid_from <= %(at)s
           AND (d.valid_to IS NULL OR d.valid_to > %(at)s) ORDER BY d.valid_from DESC LIMIT 1),
        (SELECT s.site FROM station s WHERE s.station = %(station)s)))))
ORDER BY t.port IS NULL, t.site IS NULL, t.valid_from DESC, t.tariff LIMIT 1;

-- session_keys: the keys under which an alert spoke of its session; the key changes when an end was known before its start
SELECT DISTINCT body->'evidence'->>'session_key' AS session_key FROM inbox
WHERE alert_id = %(alert_id)s AND body->'evidence'->>'session_key' IS NOT NULL;

-- credited: what a session was credited so far
SELECT coalesce(sum(net_minor), 0)::bigint AS net, coalesce(sum(tax_minor), 0)::bigint AS tax FROM credit
WHERE port = %(port)s AND session_key = ANY(%(session_keys)s) AND currency = %(currency)s AND state <> 'rejected';

-- credit_known: whether a rule has spoken about a session already, and did not take back itself what it proposed
SELECT 1 AS known FROM credit
WHERE port = %(port)s AND session_key = ANY(%(session_keys)s) AND rule = %(rule)s AND rule_version = %(rule_version)s
  AND NOT (state = 'rejected' AND decided_by = %(by_rule)s);

-- credit_add: a credit, once a session, rule and version; one that the rule itself had taken back is made anew
INSERT INTO credit AS c (credit_id, port, session_key, rule, rule_version, incident_id, tariff, currency, net_minor, tax_minor,
    charged_net_minor, charged_tax_minor, reason, state, proposed_at, decided_at, decided_by, decided_because)
VALUES (%(credit_id)s, %(port)s, %(session_key)s, %(rule)s, %(rule_version)s, %(incident_id)s, %(tariff)s, %(currency)s, %(net_minor)s,
    %(tax_minor)s, %(charged_net_minor)s, %(charged_tax_minor)s, %(reason)s, %(state)s, %(proposed_at)s, %(decided_at)s, %(decided_by)s,
    %(decided_because)s)
ON CONFLICT (port, session_key, rule, rule_version) DO UPDATE SET incident_id = excluded.incident_id, tariff = excluded.tariff,
    currency = excluded.currency, net_minor = excluded.net_minor, tax_minor = excluded.tax_minor,
    charged_net_minor = excluded.charged_net_minor, charged_tax_minor = excluded.charged_tax_minor, reason = excluded.reason,
    state = excluded.state, proposed_at = excluded.proposed_at, decided_at = excluded.decided_at, decided_by = excluded.decided_by,
    decided_because = excluded.decided_because
WHERE c.state = 'rejected' AND c.decided_by = %(by_rule)s
RETURNING *;

-- credit_of_id: one credit, locked
SELECT * FROM credit WHERE credit_id = %(credit_id)s FOR UPDATE;

-- credit_decide: approve or reject
UPDATE credit SET state = %(state)s, decided_at = %(at)s, decided_by = %(by)s, decided_because = %(because)s
WHERE credit_id = %(credit_id)s RETURNING *;

-- credit_settle: the payment provider has it
UPDATE credit SET state = 'settled', settled_at = %(at)s WHERE credit_id = %(credit_id)s AND state = 'approved' RETURNING *;

-- credits_list: credits, those that wait for a person first
SELECT c.*, s.site FROM credit c JOIN port p USING (port) LEFT JOIN station s ON s.station = p.station
WHERE (%(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s)) AND (%(state)s::text IS NULL OR c.state = %(state)s)
ORDER BY c.state <> 'proposed', c.proposed_at DESC, c.credit_id LIMIT %(limit)s OFFSET %(offset)s;

-- credit_show: one credit
SELECT c.*, s.site FROM credit c JOIN port p USING (port) LEFT JOIN station s ON s.station = p.station
WHERE c.credit_id = %(credit_id)s AND (%(sites)s::text[] IS NULL OR s.site = ANY(%(sites)s));

-- credits_of_incident: credits that rest on an incident
SELECT * FROM credit WHERE incident_id = %(incident_id)s ORDER BY proposed_at, credit_id;

-- credit_waiting: the credit of a session that waits for a person, locked
SELECT * FROM credit
WHERE port = %(port)s AND session_key = ANY(%(session_keys)s) AND rule = %(rule)s AND rule_version = %(rule_version)s AND state = 'proposed' FOR UPDATE;
