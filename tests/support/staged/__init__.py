"""Stand-ins that do what a test tells them to: an upstream, streams, and what workers and rounds need."""
