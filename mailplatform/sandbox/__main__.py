"""``python -m mailplatform.sandbox``: needs neither Django nor a database."""

from .cli import main

main()
