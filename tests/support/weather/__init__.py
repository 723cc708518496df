"""Weather for tests: cells, series, figures of real answers, refreshed records and run times."""
