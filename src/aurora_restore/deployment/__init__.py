"""The build of what is deployed, and its deployment: on AWS and on the local stack alike."""
