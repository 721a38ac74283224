"""Aurora Restore Pipeline: a dated Aurora snapshot stands again as a cluster of its own."""
