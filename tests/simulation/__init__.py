"""Years of the reference company, day by day, on a real database and in a model that was written apart.

A seed becomes a history: people visit, write, sign, end and renew contracts, holds are placed and released, runs
are missed, late and repeated, the policy is amended. Every run is carried out by the engine on PostgreSQL and by
the model in memory, and compared row by row; :mod:`simulation.watch` asks of each run, without the model, whether
the promise was kept: no row late, none early. A history that fails is shrunk to the shortest that still does.

The model knows this company's tables by name and is written from the words of the policy; nothing of the package
that decides, plans, deletes, holds or counts time is used here but by the driver, which calls it.
"""
