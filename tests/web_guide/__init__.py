"""The examples of the guide for web backends, as real servers."""
