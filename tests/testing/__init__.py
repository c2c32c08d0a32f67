"""FakeRhombus, without our session."""
