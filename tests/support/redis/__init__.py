"""Redis for tests: a cluster, the servers of a deploy, fixtures of servers to break, and questions about an outage."""
