"""Web push: notifications for browsers that are closed (RFC 8030), through the servers of whoever made the browser.

`encryption` and `vapid` are what travels, `notifications` what it says, `sender` the work in the background. What
leaves the house is an address that the browser gave, when something is told and how often; what it says is sealed for
the browser alone.
"""
