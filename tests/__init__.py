"""The promises of rhombus_clips, each a test."""
