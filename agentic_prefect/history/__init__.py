"""The history of runs: kept in a database, and read for what went wrong how often."""
