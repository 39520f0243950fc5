"""Many plans at once on a provider that fails now and then; whatever is killed meanwhile, each ends as it has to."""
