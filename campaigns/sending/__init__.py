"""The sender: freeze an audience, cut people from it, call SES, record, recover.

`drain.drain()` is the loop; `cut.py` holds the moment at which it is decided that a person is mailed.
"""
