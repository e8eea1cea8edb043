"""Annotations from SQL. The SDK's class has no field for a query; Grafana reads `target`, older versions `rawQuery`."""

from grafana_foundation_sdk.models.dashboard import AnnotationQuery

from dashboards.sql import SOURCE, Sql, clean


class SqlAnnotation(AnnotationQuery):
    """Spans or moments on every chart of a dashboard: the query gives `time`, `timeEnd`, `text` and `tags` (separated by commas)."""

    def __init__(self, name: str, colour: str, sql: str, *, shown: bool = True) -> None:
        super().__init__(name=name, datasource=SOURCE, enable=shown, icon_color=colour)
        self.sql = clean(sql)

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it."""
        return super().to_json() | {"target": Sql(self.sql, ref_id="Anno"), "rawQuery": self.sql}
