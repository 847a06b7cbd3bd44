"""The database counts calendar units as the specification does, month ends and leap days included."""

from __future__ import annotations

from datetime import date, timedelta

import sqlalchemy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lifecycle.timelimits import Period, last_day

SHIFTED = sqlalchemy.text("""
    SELECT (event_day + keep::interval)::date
    FROM unnest(CAST(:days AS date[]), CAST(:periods AS text[]))
        WITH ORDINALITY AS asked (event_day, keep, position)
    ORDER BY position
""")

month_ends = st.builds(
    lambda year, month, back: date(year, month, 1) - timedelta(days=back),
    st.integers(1600, 2400),
    st.integers(1, 12),
    st.integers(1, 4),
)
periods = st.builds(
    lambda months, days: Period(months=months, days=days or int(not months)),
    st.integers(0, 240),
    st.integers(0, 1000) | st.just(0),
)
questions = st.lists(st.tuples(st.dates(date(1, 1, 1), date(9000, 1, 1)) | month_ends, periods), min_size=50)


@settings(max_examples=40)
@given(asked=questions)
@example(asked=[(date(2024, 1, 31), Period(months=1, days=1)), (date(2096, 2, 29), Period(months=48))])
def test_the_last_day_is_the_date_that_postgresql_computes(module_database, asked):
    parameters = {"days": [day for day, _ in asked], "periods": [str(keep) for _, keep in asked]}
    with module_database.connect().connect() as connection:
        answers = connection.scalars(SHIFTED, parameters).all()
    assert answers == [last_day(day, keep) for day, keep in asked]
