"""The commands of `aurora-restore`, one module each: it is imported when its command is asked for."""
