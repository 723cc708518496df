"""Days of 500,000 users, simulated: the users, the models' runs, the services side by side, and what users saw."""
