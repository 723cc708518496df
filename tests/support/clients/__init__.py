"""Who asks the service in tests: libraries as published, a browser, staff, and a socket that sends any bytes."""
