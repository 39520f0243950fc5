"""The `agentic-prefect` command."""
