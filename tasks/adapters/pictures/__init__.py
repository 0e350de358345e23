"""Pictures: recognising formats, limits, verifying bytes before they are trusted, shrinking."""
