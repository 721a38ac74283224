"""A real PostgreSQL behind every cluster of Aurora PostgreSQL."""
