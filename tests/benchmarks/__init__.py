"""Benchmarks: each module is a command, `python -m tests.benchmarks.NAME`; the rooms hold what they are made of."""
