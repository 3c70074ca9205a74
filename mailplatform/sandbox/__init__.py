"""A local Amazon SES v2, SNS and mailbox that behaves like the real ones.

It knows no app and needs no Django and no database: one asyncio process, one port, raw ASGI.
Start it with ``python -m mailplatform.sandbox`` or ``python manage.py sandbox``.
"""
