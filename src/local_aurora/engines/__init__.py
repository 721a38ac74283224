"""What is behind the port of the engines: a folder for each engine, and what they share."""
