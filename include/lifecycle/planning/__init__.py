"""The policy as SQL: finds what is due, what goes along and what stays, and freezes it as a plan.

:mod:`lifecycle.decide` is the specification in plain Python; what is computed here, set-based in the database,
must agree with it (``tests/generative``). Work is done in temporary tables that hold only due rows, so that
the cost follows what is due, not what is stored; for the few rows of a request in memory (docs/adr/0110). Nothing here
deletes.
"""
