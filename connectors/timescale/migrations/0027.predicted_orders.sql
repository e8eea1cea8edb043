-- Incidents and orders about a failure that has not happened yet.

ALTER TABLE incident ADD COLUMN predicted_at timestamptz;
ALTER TABLE work_order ADD COLUMN predicted_at timestamptz, ADD COLUMN planned_from timestamptz, ADD COLUMN planned_to timestamptz,
    ADD COLUMN model_version text;
COMMENT ON COLUMN incident.predicted_at IS 'When the failure is expected; null where something is wrong already';
COMMENT ON COLUMN work_order.predicted_at IS 'When the failure is expected; null where something is wrong already';
COMMENT ON COLUMN work_order.planned_from IS 'Begin of the visit that is proposed: before the expected failure, when the port is used least';
