-- command_add: a command that is to be sent; nothing if it is known already
INSERT INTO command (command_id, order_id, incident_id, station, port, name, params, safety, state, actor, why, created_at, expires_at)
VALUES (%(command_id)s, %(order_id)s, %(incident_id)s, %(station)s, %(port)s, %(name)s, %(params)s, %(safety)s, 'pending', %(actor)s,
    %(why)s, %(created_at)s, %(expires_at)s)
ON CONFLICT DO NOTHING RETURNING *;

-- command_of_id: one command, locked
SELECT * FROM command WHERE command_id = %(command_id)s FOR UPDATE;

-- command_state: what became of it
UPDATE command SET state = %(state)s, info = %(info)s,
    sent_at = CASE WHEN %(state)s = 'sending' THEN %(at)s ELSE sent_at END,
    answered_at = CASE WHEN %(state)s IN ('accepted', 'rejected', 'failed') THEN %(at)s ELSE answered_at END
WHERE command_id = %(command_id)s RETURNING *;

-- commands_of_order: the commands of an order, in order
SELECT * FROM command WHERE order_id = %(order_id)s ORDER BY command_no;

-- commands_pending: commands of an order that did not leave yet, locked
SELECT * FROM command WHERE order_id = %(order_id)s AND state = 'pending' FOR UPDATE;

-- station_guard: sessions that run at the ports that a command would touch, and resets of the last 24 hours
SELECT (SELECT count(*) FROM charging_session c JOIN port p USING (port_no)
        WHERE p.station = %(station)s AND (%(whole)s OR p.port = %(port)s)
          AND c.state = 'open' AND c.started_at > %(now)s - interval '24 hours') AS running,
       (SELECT count(*) FROM command
        WHERE station = %(station)s AND name = ANY(%(resets)s) AND sent_at > %(now)s - interval '24 hours') AS resets;

-- answers: what stations answered to commands that wait for it
SELECT c.command_id, e.data->>'result' AS result, coalesce(e.data->>'info', '') AS info, e.at
FROM command c
JOIN port p ON p.station = c.station AND (p.port = c.port OR p.number = 0)
JOIN event e ON e.port_no = p.port_no AND e.at > c.created_at - interval '1 hour' AND e.kind = 'command_result'
            AND e.data->>'command' = c.command_id::text
WHERE c.state IN ('sending', 'sent')
ORDER BY e.at;

-- commands_unanswered: commands whose time is over without an answer
SELECT command_id FROM command WHERE state IN ('pending', 'sending', 'sent') AND expires_at < %(before)s ORDER BY command_id LIMIT 100;

-- out_of_service: what control last did or means to do about a port: out of service, or back in
SELECT * FROM command
WHERE port = %(port)s AND name IN ('unavailable', 'available') AND state IN ('pending', 'sending', 'sent', 'accepted')
ORDER BY command_no DESC LIMIT 1;

-- command_station: whose command it is
SELECT station FROM command WHERE command_id = %(command_id)s;
