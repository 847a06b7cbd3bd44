"""The checks of policy, data map and live schema against each other, one subject a module.

Each module has one function ``check`` that yields findings and goes on after the first. They read values
only: no file, no database. :mod:`lifecycle.policy.check` runs them all.
"""
