"""The page of requests: taken, verified, answered for and started by operators in a browser or by a programme.

A web application without anything of Airflow in it: who the operator is and how a run is started are handed to it, by
the plugin (``plugins/``). It acts as ``lifecycle_intake``, which can read neither the company's rows nor whom a request
is about. What is given of a subject comes in the body of a request and goes nowhere but into the register, sealed: not
into an address, an answer, a log or an error.
"""
