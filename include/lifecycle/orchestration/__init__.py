"""Airflow's side: the steps as tasks, and how they hang together.

The DAG files say what runs; here is what every DAG has in common. :mod:`lifecycle.orchestration.tasks` are task
bodies, each one call into the package; :mod:`lifecycle.orchestration.approval` asks a person;
:mod:`lifecycle.orchestration.wiring` turns the rules of a schedule into task groups, one after another. This is
the only room that knows Airflow, and nothing heavy is imported before a task runs: the scheduler parses it
every few seconds. What crosses from task to task is digests, counts, names and days, never a key or a value.
"""
