"""A small consistent world, written by a seeded generator: the course's own corpus of simple English.

Parts: `words` (names and things), `relations` (facts and their wordings), `passages`, `stories`, `arithmetic`,
`dialogue`, `instructions`, `tools`. Each part has functions from a `random.Random` to a `Document`, so any document can
be written again from its seed.
"""
