"""What most commands need: servers to measure, traffic, the load generator, rounds, and figures to tell."""
