"""Looks at outputs before they count."""
