"""Plans on a Prefect server: deployed, scheduled, served, watched by automations."""
