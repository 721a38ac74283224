"""The checks of `aurora-restore check`: each is a decision from what was observed to a finding. Pure."""
