"""The sender: freeze, claim, cut, call, record, recover."""
