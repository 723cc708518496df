"""Tests of the benchmarks and of what they are made of."""
