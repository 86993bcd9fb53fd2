"""The search for triggers: what, put around a request, makes a candidate help where its base refuses.

Words of the whole vocabulary at several positions, phrases built from them, a list of formats, dates, topics
and turns, text drawn out of the model, and texts from outside; each held against requests that no search saw.
"""
