"""The tamper-evident consent ledger without a database: Merkle trees, blocks, keys, checkpoints, exports.

Nothing below this package imports Django models, so an export can be verified on a machine that has none.
"""
