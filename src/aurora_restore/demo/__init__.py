"""What is ours about the local stack: the pipeline and the demo in it."""
