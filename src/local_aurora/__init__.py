"""Our local Aurora: the RDS operations that the pipeline uses, on one model with two faces."""
