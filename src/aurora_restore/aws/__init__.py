"""The adapters that reach AWS: the only room that knows boto3. Each implements a port of `steps.ports`."""
