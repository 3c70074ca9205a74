"""The fault lab: a campaign on real processes that are killed, frozen and lied to, and the reckoning afterwards."""
