"""Database servers over the wire: the only package that knows a database driver, one folder for each engine.

Importing this package costs nothing: a driver is imported when the first connection is opened.
"""
