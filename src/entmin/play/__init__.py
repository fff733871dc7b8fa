"""The playground: one page on the in-process server that shows what a method does, token by token.

    bodies.py     what the page asks for
    catalogue.py  methods, settings, meanings and ranges, as the page needs them for its controls
    steps.py      the logits of steps, kept or made again, and a step drawn under other settings
    pages.py      the page, its files and its export; a strict Content-Security-Policy
    routes.py     stream and step on the in-process engine
    remote.py     stream before a server of the OpenAI API; bounds.py says what such a server's numbers say
    page.html, play.css, play.js

Keys, hosts and origins are the server's (`entmin.serve`). What a model wrote reaches the page as text nodes only.
"""
