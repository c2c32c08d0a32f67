"""Clips as Arrow tables, which pandas, polars and DuckDB read. Requires the extra ``arrow``.

The guide next to this package describes the columns.
"""

from rhombus_clips.tables.arrow import arrow_schema, record_batches, to_arrow

__all__ = ["arrow_schema", "record_batches", "to_arrow"]
