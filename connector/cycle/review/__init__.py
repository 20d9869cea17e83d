"""Plans that somebody looks at first, and what is undone: preview, apply, undo.

Only ports are seen.
"""
