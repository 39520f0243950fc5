"""Task kinds and other parts found through entry points."""
