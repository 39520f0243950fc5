"""What hears the events of a run: one file each."""
