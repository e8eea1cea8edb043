-- Charging by the day: what dashboards and statements ask of months and years, kept up to date by the writes themselves.

CREATE INDEX charging_session_day ON charging_session (port_no, ((started_at AT TIME ZONE 'UTC')::date));

CREATE VIEW visit AS
SELECT day, station, (array_agg(port_no ORDER BY started_at, port_no))[1] AS port_no, min(started_at) AS started_at, max(ended_at) AS ended_at,
       count(*)::int AS attempts, sum(energy_wh) AS energy_wh,
       CASE WHEN (array_agg(outcome ORDER BY started_at, port_no))[1] = 'success' THEN 'first_attempt_success'
            WHEN (array_agg(outcome ORDER BY started_at DESC, port_no DESC))[1] = 'success' THEN 'troubled_success' ELSE 'failed' END AS outcome
FROM (SELECT *, count(*) FILTER (WHERE pause IS NULL OR pause > gap) OVER (PARTITION BY day, station, who ORDER BY started_at, port_no) AS visit
      FROM (SELECT c.port_no, c.outcome, c.started_at, c.ended_at, c.energy_wh, c.day, p.station, coalesce(c.token, p.port) AS who,
                   CASE WHEN c.token IS NULL THEN interval '2 minutes' ELSE interval '30 minutes' END AS gap,
                   c.started_at - lag(c.ended_at) OVER (PARTITION BY c.day, p.station, coalesce(c.token, p.port) ORDER BY c.started_at, c.port_no) AS pause
            FROM (SELECT port_no, token, outcome, started_at, ended_at, energy_wh, (started_at AT TIME ZONE 'UTC')::date AS day
                  FROM charging_session WHERE state = 'closed') c
            JOIN port p USING (port_no)) attempt) numbered
GROUP BY day, station, who, visit;
COMMENT ON VIEW visit IS 'What one driver tried at one station with short pauses (30 minutes; 2 where nobody knows who), by UTC day of the start';

CREATE TABLE charging_daily (
    port_no int NOT NULL,
    day date NOT NULL,
    sessions int NOT NULL,
    success int NOT NULL,
    failed int NOT NULL,
    cut int NOT NULL,
    unknown int NOT NULL,
    energy_wh double precision NOT NULL,
    visits int NOT NULL,
    first_time int NOT NULL,
    troubled int NOT NULL,
    PRIMARY KEY (port_no, day)
);
COMMENT ON TABLE charging_daily IS 'Closed charging sessions and visits by port and UTC day of their start; a visit counts at the port of its first attempt';

CREATE FUNCTION charging_days(stations text[], days date[]) RETURNS SETOF charging_daily LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT s.port_no, s.day, s.sessions, s.success, s.failed, s.cut, s.unknown, s.energy_wh, coalesce(v.visits, 0), coalesce(v.first_time, 0), coalesce(v.troubled, 0)
    FROM (SELECT c.port_no, (c.started_at AT TIME ZONE 'UTC')::date AS day, count(*)::int AS sessions, (count(*) FILTER (WHERE outcome = 'success'))::int AS success,
                 (count(*) FILTER (WHERE outcome = 'failed'))::int AS failed, (count(*) FILTER (WHERE outcome = 'cut'))::int AS cut,
                 (count(*) FILTER (WHERE outcome = 'unknown'))::int AS unknown, coalesce(sum(energy_wh), 0) AS energy_wh
          FROM charging_session c JOIN port p USING (port_no)
          WHERE c.state = 'closed' AND p.station = ANY (stations) AND (c.started_at AT TIME ZONE 'UTC')::date = ANY (days)
          GROUP BY 1, 2) s
    LEFT JOIN (SELECT port_no, day, count(*)::int AS visits, (count(*) FILTER (WHERE outcome = 'first_attempt_success'))::int AS first_time,
                      (count(*) FILTER (WHERE outcome = 'troubled_success'))::int AS troubled
               FROM visit WHERE station = ANY (stations) AND day = ANY (days) GROUP BY 1, 2) v USING (port_no, day)
$$;

-- One renewal a station at a time: what another transaction is about to write is waited for and then seen.
CREATE FUNCTION charging_daily_renew(stations text[], days date[]) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('charging_daily ' || current_schema()), hashtext(station)) FROM (SELECT DISTINCT unnest(stations) AS station ORDER BY 1) s;
    DELETE FROM charging_daily d USING port p WHERE p.port_no = d.port_no AND p.station = ANY (stations) AND d.day = ANY (days);
    INSERT INTO charging_daily SELECT * FROM charging_days(stations, days);
END
$$;

CREATE FUNCTION charging_daily_follow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    stations text[];
    days date[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT p.station), array_agg(DISTINCT (c.started_at AT TIME ZONE 'UTC')::date) INTO stations, days
        FROM came c JOIN port p USING (port_no) WHERE c.state = 'closed';
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT p.station), array_agg(DISTINCT (c.started_at AT TIME ZONE 'UTC')::date) INTO stations, days
        FROM went c JOIN port p USING (port_no) WHERE c.state = 'closed';
    ELSE
        SELECT array_agg(DISTINCT p.station), array_agg(DISTINCT (c.started_at AT TIME ZONE 'UTC')::date) INTO stations, days
        FROM (SELECT port_no, state, started_at FROM came UNION ALL SELECT port_no, state, started_at FROM went) c JOIN port p USING (port_no)
        WHERE c.state = 'closed';
    END IF;
    IF stations IS NOT NULL THEN
        PERFORM charging_daily_renew(stations, days);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER charging_daily_came AFTER INSERT ON charging_session REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION charging_daily_follow();
CREATE TRIGGER charging_daily_changed AFTER UPDATE ON charging_session REFERENCING NEW TABLE AS came OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION charging_daily_follow();
CREATE TRIGGER charging_daily_went AFTER DELETE ON charging_session REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION charging_daily_follow();

-- It runs with the owner's rights: names are looked up in our schema alone, temporary tables of the caller last.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION charging_daily_follow() SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION charging_daily_renew(text[], date[]) SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION charging_days(text[], date[]) SET search_path = %I, pg_temp', current_schema());
END
$$;

INSERT INTO charging_daily SELECT d.* FROM (SELECT array_agg(DISTINCT p.station) AS stations, array_agg(DISTINCT (c.started_at AT TIME ZONE 'UTC')::date) AS days
    FROM charging_session c JOIN port p USING (port_no)) k, charging_days(k.stations, k.days) d;
