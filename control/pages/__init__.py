"""Pages: server-side templates, plain and quick, readable on a phone, in the dark and without a script."""
