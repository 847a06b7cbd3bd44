"""Retention: the promises with a time limit, kept on a schedule.

:mod:`lifecycle.retention.steps` are the steps of a run that concern one rule, each a task of a DAG;
:mod:`lifecycle.retention.sweep` runs all of them one after another for the command line;
:mod:`lifecycle.retention.notices` announces what is coming.
"""
