"""What a restore is. Pure: no clock, no environment, no I/O, and no import of the other packages."""
