"""The service in processes of its own: its commands, a copy of its code, three regions, and its database."""
