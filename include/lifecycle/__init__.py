"""lifecycle: a company's privacy policy, executed.

Promises are data (a policy and a map of the company's database). This package decides what they mean
for each row, plans it, checks the plan, carries it out through one guarded door and proves that it did.

Rooms, each importing only rooms above it (``tests/architecture`` enforces the order)::

    errors  settings  timelimits            ground: no input or output
    operators  pages                        whose a step is, and what is printed
    identity                                when two values are the same identity, and where texts have it
    yamlfile  keys                          files read with care: policies, maps, keys
    datamap  policy                         typed data, loaded and cross-checked
    decide  plan                            pure: facts to decision to plan
    store                                   PostgreSQL: server, connections, migrations, roles
    ledger  holds                           what proves a deletion, and what stops one
    planning                                the policy as SQL: what is due becomes a plan
    execute                                 the only door through which anything is deleted
    quality                                 Great Expectations before and after
    runs                                    what every capability needs to carry a plan through
    recipients                              a capability: whoever was given data is told what becomes of it
    retention  requests  archive            the capabilities: promises kept on a schedule, on request, for a law
    analytics                               a capability: numbers that may be known, about people who may not
    orchestration                           Airflow: the steps of a run as tasks, approvals, alerts
    intake                                  the page on which operators take requests and see to them
    synthetic  cli                          a company to try it on, and the command line
"""
