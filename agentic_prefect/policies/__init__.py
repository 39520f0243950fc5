"""Decisions about failure, waiting and spending, as pure functions."""
