"""Runs in the peers' environment: ``python -m there``, one engine a process.

The first line of its input says which engine, on what; each further line is a number of
ms. Every answer is a line of JSON.
"""
