"""The rules a plan must keep, one family per file. `plans.validate` runs them all."""
