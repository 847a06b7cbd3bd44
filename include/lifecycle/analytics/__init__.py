"""Releases: anonymous statistics for the data team, drawn once a period from events that nobody refused (W6).

The way of a period's events, each step a module::

    events      which rows are counted: nobody's who refused, objected, is restricted or was erased;
                reaching: the rows that they belong to
    derive      country and kind of device, told from address and user agent, which are kept no further;
                asked_once: of each value that comes again
    pseudonyms  whoever an event is about becomes a keyed digest; the key is destroyed when its month is over
    preparing   the three together: rows of PostgreSQL become files of pseudonymised events
    bounding    what one contributor adds is limited; then cells are counted exactly
    counting    that, in DuckDB, or in Spark where an operator asks for it (spark)
    gates       what a cell must be before any number of it is seen
    noise       the numbers that may be seen, and what of the budget they take
    draws       the register of draws, and what each takes of a budget; remembering: what a backup has forgotten
    released    the tables that they are written into, once; files: the same as Parquet and JSON
    utility     what the numbers are worth, held against the exact ones; lateness: events that are not in them

Exact numbers and pseudonyms never leave the folder of the step that makes them. What is told of them without noise
stands in tables that builders, or operators, alone may read.
"""
