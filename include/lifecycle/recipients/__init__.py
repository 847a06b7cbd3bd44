"""Recipients: whoever was given personal data is told when it is erased, corrected or restricted (GDPR Art. 19; G3).

:mod:`lifecycle.recipients.audience` says who is to be told of some rows. :mod:`lifecycle.recipients.outbox` queues a
notice to each in the transaction that changes the rows, and is what people see and do about notices.
:mod:`lifecycle.recipients.delivery` sends what is due, again and again until it is acknowledged or given up. Whom a
notice is about stands in its sealed body alone, which is destroyed when it is over. Nothing here erases, corrects or
restricts anything.
"""
