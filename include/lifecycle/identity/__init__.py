"""What makes two values the same identity: one meaning for holds, requests and suppression.

A kind of identity has a normal form (:mod:`~lifecycle.identity.forms`): :mod:`~lifecycle.identity.addresses` for
e-mail, :mod:`~lifecycle.identity.phones`, and everything else exactly. An identifier is brought into it once, with
all the spellings in which rows may have it; :mod:`~lifecycle.identity.folding` is what a stored value is brought
into to be compared with those, in Python and, as an expression that an index can hold, in SQL.
:mod:`~lifecycle.identity.mentions` finds the same spellings in free text and JSON,
:mod:`~lifecycle.identity.scripts` warns of letters that look like others.

Ground floor: no input or output, and no value in any message or representation.
"""
