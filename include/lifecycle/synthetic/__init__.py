"""A company to try the project on: a database filled with people who do not exist.

A sample company is data, like a policy: a folder with

- ``schema.sql``: its tables, as the company would have made them,
- ``population.sql``: named statements that fill them, one after another, set-based,
- ``pools.yaml``: which invented values (names, streets, sentences) the statements may draw from,
- ``like_release.sql``, where there is one: statements that run when columns were drawn like a release.

This room reads such a folder, invents the values with Faker, and runs the statements in one transaction.
It knows no table of any company. The same folder, numbers and seed give the same rows, byte for byte.

A population may be made like what was released, and like nothing else of the company (W6), each step a module::

    margins     released files, read and added up
    shares      how a column's values are shared out, given those that are there
    spellings   what is written so that it reads as such a value
    drawing     values drawn by shares, set-based
    following   the three together: which columns are drawn, once for what, in which order
"""

from __future__ import annotations

from lifecycle.synthetic.made import create_schema
from lifecycle.synthetic.progress import Progress, Step, bar, log_progress
from lifecycle.synthetic.seeding import seed

__all__ = ["Progress", "Step", "bar", "create_schema", "log_progress", "seed"]
