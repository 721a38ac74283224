"""Database users over the wire: the only rooms that know a database driver.

Importing this package costs nothing: the driver is imported when the first connection is opened.
"""
