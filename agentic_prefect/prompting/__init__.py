"""Versioned prompt templates and the builder that fills them."""
