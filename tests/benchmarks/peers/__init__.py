"""What the service is compared with, and the service with layers taken away."""
