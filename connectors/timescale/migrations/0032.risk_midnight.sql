-- Risks at midnight (UTC): what calibration and the comparison of models ask of months; a twenty-fourth of the rows.

CREATE INDEX failure_risk_midnight ON failure_risk (at) WHERE extract(hour FROM at AT TIME ZONE 'UTC') = 0;
