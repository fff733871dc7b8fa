"""What runs inside the sandbox: a bare interpreter imports this folder, so nothing here imports the rest of entmin.

``launch`` starts the processes of a case and reports on them; ``solver`` runs the program; ``judge`` runs the tests;
``values`` is what may pass between the two.
"""
