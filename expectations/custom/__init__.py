"""Our own expectations. Importing this package makes them known to Great Expectations."""

from image_tags.expectations.custom import (
    agreement,
    coverage,
    drift,
    keys,
    row_facts,
    shape,
    values,
)

__all__ = ["agreement", "coverage", "drift", "keys", "row_facts", "shape", "values"]
