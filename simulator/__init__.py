"""A charging network that behaves like one: physics, people, weather, labelled faults; it speaks MQTT and OCPP.

Reading order: `fleet` (what stands where), `physics` (what a port does in a step), `arrivals` (who comes), `faults`
(what breaks), `history` (weeks at once), `live` (second by second), `speak` (what is said), `ledger` (what was
acknowledged). It knows neither models nor pipelines: nothing here is made to suit a detector.
"""
