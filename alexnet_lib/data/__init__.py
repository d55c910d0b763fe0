"""Pictures: where they come from, what they are, batches of them; files and folders."""
