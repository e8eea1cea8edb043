"""Uptime: when each port was up, down or unobserved, and what that comes to by hour, day and rule.

`operator.Uptime` is the way in. `signs`, `presence` and `bridges` say who could be heard, `facts` what was said, `evidence` what
late data prove; `intervals` makes the timeline of it, `line`, `rolling`, `days` and `tables` what goes into the tables, `alerts`
what goes to control. `rules` counts statements from intervals, by rule files.
"""

from models.uptime.operator import Uptime

__all__ = ["Uptime"]
