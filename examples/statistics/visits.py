"""Visits by country in the last weeks as bars, from what was released. Run it with the address of your login.

The lines at the ends of the bars are what noise may have added or taken, in nineteen of twenty cases.
"""

from __future__ import annotations

import sys

import pandas as pd
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

TABLE = "visits_by_country_internal"
WIDTH = 40
VISITS = f"""
    SELECT country, sum(persons)::bigint AS visitors_by_day, count(*) AS days
    FROM analytics.{TABLE} WHERE first_day > (SELECT max(first_day) - 28 FROM analytics.{TABLE})
    GROUP BY country ORDER BY visitors_by_day DESC LIMIT 15
"""
NOISE = f"""
    SELECT (says #>> '{{numbers,persons,error_95}}')::float AS error_95
    FROM analytics.dictionary WHERE table_name = '{TABLE}' ORDER BY first_day DESC LIMIT 1
"""


def main() -> None:
    """Read two small frames, and draw one."""
    address = sa.make_url(sys.argv[1]).set(drivername="postgresql+psycopg")
    with sa.create_engine(address).connect() as connection:
        visits = pd.read_sql(sa.text(VISITS), connection)
        noise = pd.read_sql(sa.text(NOISE), connection)
    drawn = Table("country", "visitors by day", "within", "", title="Visits of four weeks")
    # The noise of each day is drawn apart, so that errors of sums grow with the root of the number of days.
    visits["error"] = (visits["days"] ** 0.5 * noise["error_95"].iloc[0]).round().astype(int)
    most = visits["visitors_by_day"].max()
    for row in visits.itertuples():
        filled, spread = (round(WIDTH * number / most) for number in (row.visitors_by_day, row.error))
        bar = "█" * max(filled, 1) + "─" * spread
        drawn.add_row(row.country, f"{row.visitors_by_day:,}", f"± {row.error:,}", bar)
    Console(width=100).print(drawn)


if __name__ == "__main__":
    main()
