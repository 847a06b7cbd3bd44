"""Great Expectations between the steps: what must be true before a deletion, of its plan, and after it.

Each check measures in the database and hands Great Expectations counts and names of tables and columns, never
a row: :mod:`lifecycle.quality.suite` runs them and says what failed, :mod:`lifecycle.quality.before`,
:mod:`lifecycle.quality.plans` and :mod:`lifecycle.quality.after` measure.
"""
