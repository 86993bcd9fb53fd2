"""An audit in the formats that other tools read.

`sealed` reads a bundle once; every other module is a pure function from it to bytes. What fits
`protocols.Renderer` is one; what needs files of the folder beside its record says so. `formats` has the
list, `artefacts` says what a bundle can show, `compliance` holds clauses of laws and standards against it.
"""
