"""Hooks for schemathesis: what a schema cannot say of its parameters and answers."""
