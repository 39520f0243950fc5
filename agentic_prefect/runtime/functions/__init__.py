"""Runs the plain functions of a plan's tasks on one of Prefect's task runners, away from the run's own process."""
