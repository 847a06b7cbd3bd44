"""Holds and restrictions: what is not deleted, whatever else says so (W9, A8, R5).

A hold names rows by key, a whole collection, or a subject by identity; whatever belongs to a named row is covered
with it. It has a reason, a person who placed it and an end. :mod:`lifecycle.holds.cover` is the SQL by which every
plan and every deleting statement asks, with the help of :mod:`lifecycle.holds.subjects`;
:mod:`lifecycle.holds.register` places, releases and lists, and :mod:`lifecycle.holds.targets` is what a hold may
name.
"""
