"""What is ours in the local stack: the pipeline deployed there, production with its data, and the demo."""
