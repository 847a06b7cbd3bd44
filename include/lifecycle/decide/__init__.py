"""Deciding, in plain Python: the specification of what happens to a row, and an engine over plain rows.

:mod:`lifecycle.decide.decision` decides about one row from facts. :mod:`lifecycle.decide.engine` gathers the
facts of every row of a small company held in memory and says what a rule does to it: slowly, and so plainly that
it can be read as the meaning of a policy. :mod:`lifecycle.planning` does the same, set-based, in the database,
and must agree with it (``tests/generative``); what it plans for many rows shares no code with this. Requests, which are
about few rows, are decided here (docs/adr/0110). Nothing here reads a database or a clock.
"""
