"""Holds and restrictions: what is not deleted, whatever else says so (W9, A8, R5).

A hold names rows by key, or a whole collection; whatever belongs to a named row is covered with it. It has a
reason, a person who placed it and an end. :mod:`lifecycle.holds.cover` is the SQL by which every plan and every
deleting statement asks; :mod:`lifecycle.holds.register` places, releases and lists.
"""
