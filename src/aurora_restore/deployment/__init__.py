"""What is deployed, from one source; its build, and its deployment: on AWS and on the local stack alike."""
