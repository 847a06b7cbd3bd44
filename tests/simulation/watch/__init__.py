"""The promise itself, asked of what each run left behind: nothing late, nothing early, nothing unannounced.

Neither the engine nor the model is asked. :mod:`simulation.watch.watch` asks, run by run;
:mod:`simulation.watch.limits` counts by hand the moment before which a row must be gone, and
:mod:`simulation.watch.cover` says who may have kept it longer.
"""
