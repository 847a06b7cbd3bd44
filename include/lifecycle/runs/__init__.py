"""Runs: what every capability needs to carry a plan through, whatever the plan was made for.

:mod:`lifecycle.runs.company` is a company opened for work, :mod:`lifecycle.runs.agreement` what is checked before
anything is decided, :mod:`lifecycle.runs.plans` what is done with a stored plan, :mod:`lifecycle.runs.signing` the
ledger signed at the end.
"""
