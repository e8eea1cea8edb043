-- What control looks for every second or on every page: commands that are under way, repairs to verify, credits to decide.
-- Each index holds only the few rows that wait, however long the tables grow.

DROP INDEX command_unanswered;
CREATE INDEX command_unanswered ON command (expires_at) WHERE state IN ('pending', 'sending', 'sent');
CREATE INDEX work_order_to_verify ON work_order (number) WHERE state = 'resolved';
CREATE INDEX credit_to_decide ON credit (proposed_at) WHERE state = 'proposed';
