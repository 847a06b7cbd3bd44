"""Invents histories: from a seed, what a company lives through, day by day.

:mod:`simulation.invent.inventor` tells the days; each other module has one subject (the website, customers,
holds …) and offers what may happen there, with a weight for how often. The inventor looks at the world as it is,
so what happens is about rows that are there. Moments lie by preference where counting goes wrong: at midnight, a
microsecond before it, on the last of February, on the days on which clocks change, at the end of the year.
"""
