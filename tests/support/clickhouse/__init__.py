"""ClickHouse's HTTP interface over the real engine (chDB), in a process of its own, as a client meets it.

Real: the SQL, the formats, the settings and their constraints, the errors, inserts that run while their body
arrives, system.processes, KILL QUERY. Ours, after the public description of the interface: the requests and
answers around them (auth, compression, statuses, exceptions within an answer).
Not here: replicas, TLS, users and quotas beyond one password, sessions, client_protocol_version (an answer is
in the oldest Native format, as behind a proxy that drops that parameter), and progress headers.

    __main__   the process            serving   requests and answers
    arriving   what a request says    bodies    how its bytes arrive
    session    one statement's run    running   statements by query id, and how they are killed
    errors     codes and statuses     encoding  compressed answers
    server     the process, as a test sees it
"""
