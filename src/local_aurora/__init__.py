"""Our local Aurora: the RDS operations of Aurora that are called on it, on one model with two faces."""
