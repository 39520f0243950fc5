"""`python -m agentic_prefect.cli`, for a Python whose scripts are not on the path."""

from agentic_prefect.cli.app import main

if __name__ == "__main__":
    main()
