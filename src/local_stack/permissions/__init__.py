"""Which permissions a request needs: its actions, their resources, and what conditions of policies are about. Pure."""
