"""Releases as they should be, from the words of the policy.

Of each period that is over the events of whoever did not refuse are counted, each contributor no more than its table
allows; numbers are drawn of that once for each feed, within its budget. What is not released in time is lost.
"""
