"""`residency chaos`: a mesh of its own under load, everything that can die killed, then the books compared.

Here lives what breaks a mesh on purpose, and what proves that nothing came of it. Production code knows none
of it: a cell that is to fail is started through `cli.chaos.cell`, which wraps the engine's insert.

    schedule          what happens when, from a seed      mix, load  what clients send, again and again
    mesh, disk        what is broken                      journal    what they were told
    faults, cell      how inserts are made to fail        settle     waits until the mesh is at rest
    inject, signals   carries the schedule out            answers, stored, rows   what is there, asked twice
    ground, guardian  nothing is left behind              check, report           the comparison, the figures
"""
