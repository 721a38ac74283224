"""What people see: pure functions from a record (or another plain value) to something that Rich can print."""
