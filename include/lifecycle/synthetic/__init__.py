"""A company to try the project on: a database filled with people who do not exist.

A sample company is data, like a policy: a folder with

- ``schema.sql``: its tables, as the company would have made them,
- ``population.sql``: named statements that fill them, one after another, set-based,
- ``pools.yaml``: which invented values (names, streets, sentences) the statements may draw from.

This room reads such a folder, invents the values with Faker, and runs the statements in one transaction.
It knows no table of any company. The same folder, numbers and seed give the same rows, byte for byte.
"""

from __future__ import annotations

from lifecycle.synthetic.made import create_schema
from lifecycle.synthetic.progress import Progress, Step, bar, log_progress
from lifecycle.synthetic.seeding import seed

__all__ = ["Progress", "Step", "bar", "create_schema", "log_progress", "seed"]
