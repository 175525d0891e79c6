"""What the shipped cells do, measured against published physiology."""
