"""The web interface as an installed application, and without a network: its manifest and icons, its service worker,
and the page that is shown in place of one that cannot be had.

The worker is served at `/sw.js` so that it may look after every page. It keeps copies of the last lists and letters of
one account; with `web.offline` off it is one that removes itself and all that it had kept.
"""
