"""Files beyond reading them: make, rename and lock them, and see them as others do."""
