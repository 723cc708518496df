"""Ends with 0 if the process on the port that is named says it is well: `python deploy/docker/healthy.py 8001`."""

import sys
import urllib.request

urllib.request.urlopen(f"http://127.0.0.1:{int(sys.argv[1])}/health", timeout=4)
