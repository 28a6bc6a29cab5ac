"""The command line: one file per noun, each a sender of commands and requests."""
