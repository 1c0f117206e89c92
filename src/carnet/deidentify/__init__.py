"""Takes people out of recordings, in the recordings' own formats, and measures how well."""
