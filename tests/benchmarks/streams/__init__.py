"""Thousands of open streams: those who open them, the servers that are measured, and what becomes of them."""
