"""Uptime under the rules of `models.uptime`, as SQL over the daily sums: no rule stands twice.

What daily sums cannot tell is left out and said in the panel: excuses by cause and opening hours. Time out of sight counts
as the rule counts a gap of ours (`bridge`).
"""

from models.uptime.rules.rule import Rule, TimeKind, rules

_KINDS: dict[TimeKind, str] = {
    "ok": "up_s - energy_s", "energy": "energy_s", "faulted": "faulted_s", "unavailable": "unavailable_s",
    "silence": "silence_s", "bridge": "unobserved_s",
}  # fmt: skip
"""Time of a kind, as a column of `pub.uptime_daily`."""

_COLUMNS = ("up_s", "down_s", "unobserved_s", "energy_s", "faulted_s", "unavailable_s", "silence_s")

NOTE = (
    "As each rule counts time, over the days shown that have data; excused causes and hours outside opening hours are not "
    "taken out. A statement to an authority needs both."
)


def per_port(where: str) -> str:
    """SQL of one row per rule and port: rule, title, level, threshold, above, port_no, outage, whole (seconds).

    `where` restricts `pub.uptime_daily` (d) and `pub.port_now` (p). Ports that a rule does not apply to have no row under it.
    """
    sums = ", ".join(f"sum({column}) AS {column}" for column in _COLUMNS)
    return f"""
    WITH seconds AS MATERIALIZED (
        SELECT port_no, p.kind, p.rated_w, {sums} FROM pub.uptime_daily d JOIN pub.port_now p USING (port_no)
        WHERE NOT p.discovered AND {where} GROUP BY port_no, p.kind, p.rated_w)
    {" UNION ALL ".join(_of_rule(rule) for rule in rules().values())}"""


def by_rule(where: str) -> str:
    """SQL of one row per rule: ports, uptime (of all minutes together), lowest port, ports below the threshold."""
    return f"""
    SELECT title AS rule, level, count(*) AS ports, sum(whole - outage) / nullif(sum(whole), 0) AS uptime,
        min((whole - outage) / nullif(whole, 0)) AS lowest, threshold,
        count(*) FILTER (WHERE whole > 0 AND CASE WHEN above THEN (whole - outage) / whole <= threshold
            ELSE (whole - outage) / whole < threshold END) AS below
    FROM ({per_port(where)}) counted
    GROUP BY title, level, threshold ORDER BY title"""


def _of_rule(rule: Rule) -> str:
    outage, ignored = _sum(rule, "outage"), _sum(rule, "ignore")
    whole = "up_s + down_s + unobserved_s"
    if rule.denominator == "counted":
        whole = f"{whole} - ({ignored})"
    applies = ["true"]
    if rule.kind is not None:
        applies.append(f"kind = '{rule.kind}'")
    if rule.min_rated_w is not None:
        applies.append(f"rated_w >= {rule.min_rated_w:.0f}")
    title = rule.title.replace("'", "''")
    above = "true" if rule.strictly_above else "false"
    return f"""
    SELECT '{rule.name}' AS rule, '{title}' AS title, '{rule.level}' AS level, {rule.threshold}::float8 AS threshold,
        {above} AS above, port_no, {outage} AS outage, {whole} AS whole
    FROM seconds WHERE {" AND ".join(applies)}"""


def _sum(rule: Rule, how: str) -> str:
    return " + ".join(column for kind, column in _KINDS.items() if rule.how(kind) == how) or "0"
