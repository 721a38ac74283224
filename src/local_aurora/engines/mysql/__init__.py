"""A real MySQL behind every cluster of Aurora MySQL."""
