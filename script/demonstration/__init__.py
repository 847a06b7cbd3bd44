"""What ``script/demo`` shows: an invented company whose promises are kept by Airflow, and Airflow's page.

:mod:`demonstration.story` tells it from beginning to end. :mod:`demonstration.local_airflow` runs the DAGs in this
process, :mod:`demonstration.report` puts into words what a run did, :mod:`demonstration.page` starts Airflow's page,
:mod:`demonstration.terminal` keeps what is told apart from what Airflow logs. What is done to the company is done by
the same commands and DAGs as everywhere; nothing here plans or deletes.
"""
