"""The phases of a run, one module each: observe, decide, act, record. They reach the world through ports only."""
