"""Measurements of speed, memory and endurance. They are not tests; README.md has the results."""
