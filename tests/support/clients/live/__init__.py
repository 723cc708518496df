"""Clients of streams as published, for tests: here node's `ws`, in a folder of its own."""
