"""The rules of the service, with no I/O: everything here is tested without a loop."""
