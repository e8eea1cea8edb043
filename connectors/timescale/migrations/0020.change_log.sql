-- Who did what in control: only ever added to.

CREATE TABLE change_log (
    change_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    action text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    reason text,
    data jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX change_log_subject ON change_log (kind, subject, change_no);
COMMENT ON TABLE change_log IS 'Everything that control did, with its actor; rows are added, never changed or taken away';
COMMENT ON COLUMN change_log.actor IS 'user:<account>, token:<name>, rule:<name>, station:<id> or public';

CREATE FUNCTION change_log_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'change_log is only added to: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER change_log_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON change_log
    FOR EACH STATEMENT EXECUTE FUNCTION change_log_stays();
