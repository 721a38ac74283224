"""Database servers of Aurora MySQL."""
