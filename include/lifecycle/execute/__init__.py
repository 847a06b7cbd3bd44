"""The only door through which anything is deleted, cut or redacted.

It takes a stored plan by its digest, asks again inside each statement whether the rows are held and still due,
compares what the database says it did with what was planned before it commits, and writes the journal in the
same transaction. A batch that would do anything else is rolled back and left to a new plan.
"""
