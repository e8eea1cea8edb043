-- What dashboards ask of whole networks by time: hours of the audit, hours of uptime, alerts by when they came.
-- Block range indexes: rows arrive nearly in order of time, and a write costs next to nothing.

CREATE INDEX uptime_rolling_at ON uptime_rolling USING brin (at) WITH (autosummarize = on, pages_per_range = 32);
CREATE INDEX audit_sum_hour ON audit_sum USING brin (hour) WITH (autosummarize = on, pages_per_range = 32);
CREATE INDEX inbox_received_at ON inbox (received_at);
