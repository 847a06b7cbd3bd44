"""The policy: what was promised, as data.

:mod:`lifecycle.policy.model` is the file's form, :mod:`lifecycle.policy.load` finds and reads the version in
force, :mod:`lifecycle.policy.rulebook` resolves it against the data map and the live schema, and
:mod:`lifecycle.policy.check` names everything in which the three disagree. No database is read here.
"""
