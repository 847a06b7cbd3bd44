"""What data subjects ask for, as the model knows it: written from the words of the policy and of the law.

:mod:`simulation.requests.asked` is the register, :mod:`simulation.requests.whom` says which rows are somebody's,
:mod:`simulation.requests.erasure` what an erasure does, now and when what kept a row has ended;
:mod:`simulation.requests.restriction`, :mod:`simulation.requests.rectification`,
:mod:`simulation.requests.purposes` and :mod:`simulation.requests.copies` what the other kinds do, and
:mod:`simulation.requests.backups` what a restore takes away and what is done again.
"""
