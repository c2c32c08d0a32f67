"""The local page, in Chromium."""
