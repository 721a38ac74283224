"""What a restore is. Pure: no clock, no environment, no I/O, and no import of our other rooms."""
