"""Measure speed, memory and endurance. Not part of the tests; README.md has the results."""
