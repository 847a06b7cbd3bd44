"""PostgreSQL: the server, connections to it, the control schema and who may do what.

``server`` runs the PostgreSQL that comes as a Python wheel, for those who bring none of their own;
``engine`` opens connections under a role; ``migrate`` and ``migrations/`` build the control schema;
``roles`` and ``grants`` say who may do what. Nothing here knows a policy, a data map or a company's table:
what it needs of them arrives as schema and table names.
"""
