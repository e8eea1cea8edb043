-- account_of: one account
SELECT account, password_hash, roles, sites, active, epoch FROM account WHERE account = %(account)s;

-- accounts: all accounts, no hashes
SELECT account, roles, sites, active, created_at FROM account ORDER BY account;

-- account_put: a new account, or a known one changed; its sessions end
INSERT INTO account AS a (account, password_hash, roles, sites) VALUES (%(account)s, %(password_hash)s, %(roles)s, %(sites)s)
ON CONFLICT (account) DO UPDATE SET password_hash = excluded.password_hash, roles = excluded.roles, sites = excluded.sites, active = true,
    epoch = a.epoch + 1;

-- account_password: a new password; all sessions end
UPDATE account SET password_hash = %(password_hash)s, epoch = epoch + 1 WHERE account = %(account)s RETURNING epoch;

-- account_end_sessions: all its sessions end, the password stays
UPDATE account SET epoch = epoch + 1 WHERE account = %(account)s;

-- account_close: the account may not sign in any more; all its sessions end
UPDATE account SET active = false, epoch = epoch + 1 WHERE account = %(account)s AND active;

-- sites_unknown: those of these sites that the registry does not have
SELECT site FROM unnest(%(sites)s::text[]) AS wanted (site) WHERE NOT EXISTS (SELECT FROM site s WHERE s.site = wanted.site) ORDER BY site;

-- token_of: one token that is in force
SELECT token_id, name, hash, roles, sites FROM token
WHERE token_id = %(token_id)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s);

-- tokens: all tokens, no hashes
SELECT token_id, name, roles, sites, created_by, created_at, expires_at, revoked_at FROM token ORDER BY created_at;

-- token_add: a new token
INSERT INTO token (token_id, name, hash, roles, sites, created_by, expires_at)
VALUES (%(token_id)s, %(name)s, %(hash)s, %(roles)s, %(sites)s, %(created_by)s, %(expires_at)s);

-- token_revoke: end a token
UPDATE token SET revoked_at = %(now)s WHERE token_id = %(token_id)s AND revoked_at IS NULL;

-- anybody: whether anyone may sign in
SELECT EXISTS (SELECT FROM token) OR EXISTS (SELECT FROM account) AS known;

-- first_admin_once: only one process makes the first token
SELECT pg_advisory_xact_lock(%(key)s);

-- secret_put: a random key, if there is none
INSERT INTO secret (name, value) VALUES (%(name)s, %(value)s) ON CONFLICT DO NOTHING;

-- secret_of: a random key
SELECT value FROM secret WHERE name = %(name)s;
