"""What a run of the tests begins with: the order of the files, and the servers on the PATH."""
