"""Speed, memory and endurance, measured; never part of the tests."""
