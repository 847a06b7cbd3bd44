"""Copies: what a subject is given of what is held (GDPR Art. 15 and 20).

:mod:`lifecycle.requests.copies.found` finds the rows and plans that they are disclosed, :mod:`.rows` reads them,
:mod:`.veil` hides whoever else stands in them, :mod:`.document` and :mod:`.portable` say how they are written, and
:mod:`.procedures` answers requests with them. Nothing here changes a row of the company.
"""
