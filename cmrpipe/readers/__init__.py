"""What lies in a source or the raw folder, read: a file, an archive or a folder to value objects."""
