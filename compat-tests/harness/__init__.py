"""Starts a broker, runs client programs against it, and cleans up after both."""
