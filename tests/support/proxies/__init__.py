"""TCP proxies with faults that are switched on and off, and with the time of a long line."""
