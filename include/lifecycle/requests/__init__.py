"""Requests: what data subjects ask for, answered in time and proven (GDPR Art. 12 to 22).

:mod:`lifecycle.requests.register` keeps the requests and :mod:`lifecycle.requests.subject` whom each is about, sealed;
:mod:`lifecycle.requests.ground` says which rows that are. :mod:`lifecycle.requests.steps` answers requests of any kind;
what differs between kinds is a procedure (:mod:`lifecycle.requests.procedures`).
"""
