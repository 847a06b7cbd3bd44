"""Retention: the promises with a time limit, kept on a schedule.

:mod:`lifecycle.retention.company` is a company opened for work; :mod:`lifecycle.retention.steps` are the steps
of a run, one per task of a DAG; :mod:`lifecycle.retention.sweep` runs them one after another for the command
line; :mod:`lifecycle.retention.notices` announces what is coming.
"""
