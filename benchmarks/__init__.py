"""Measures agentic-prefect against other ways to run the same calls, on this machine, in one run."""
