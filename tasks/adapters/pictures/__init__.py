"""Pictures: which kinds are accepted, their limits, verifying bytes before they are trusted,
shrinking.
"""
