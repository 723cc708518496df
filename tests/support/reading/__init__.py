"""Readers of files and outputs: CloudFormation, PromQL, the names of the settings, lines of the log."""
