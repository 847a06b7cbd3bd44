"""The data map: which tables and columns the company has, what they mean, how rows belong together.

Written as Fides dataset files (fideslang models and taxonomy), so an existing annotation works as it is.
Also holds the shape of the live schema (:mod:`lifecycle.datamap.live`) that the map is compared with.
Nothing here reads a database or knows about policies.
"""
