"""Agents put together: prompt, model, parsed output."""
