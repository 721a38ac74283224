"""Aurora Restore Pipeline: restores a dated Aurora snapshot as a cluster of its own."""
