"""The test kit: a scripted model server, builders and recorders."""
