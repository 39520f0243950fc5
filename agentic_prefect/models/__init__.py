"""The data of the project: frozen, closed, free of behaviour."""
