"""Database servers of Aurora PostgreSQL."""
