"""Small broken examples, one thing wrong in each: what ``lifecycle check`` must find, and where.

Each module holds the cases of one subject; :mod:`support.club` is the company in which they break something.
"""

from broken import (
    emptied,
    indexes,
    links,
    map_and_schema,
    names,
    partitions,
    promises,
    reach,
    statutory,
    stops,
    unresolved,
)

CASES = [
    *map_and_schema.CASES,
    *names.CASES,
    *promises.CASES,
    *reach.CASES,
    *links.CASES,
    *emptied.CASES,
    *statutory.CASES,
    *stops.CASES,
    *partitions.CASES,
    *indexes.CASES,
    *unresolved.CASES,
]
