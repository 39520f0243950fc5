"""Questions to people: asked in the Prefect UI, answered there or in the terminal."""
