"""The open web, reached through requests behind a hardened session.

client     `Web.fetch`: one link, from its first request to the picture's bytes or to an error
addresses  which links may be followed and which addresses may be connected to
sockets    connections that enforce the limits on addresses, time and bytes
session    requests on top of those connections
resolver   names to addresses, within a time limit
budget     the time and bytes that one link may still use
page       what a response holds: a picture or a robots.txt
answers    reading one response
failures   which error each kind of response or exception becomes
manners    opt-outs, waiting times and our User-Agent
robots     robots.txt
hosts      pacing the requests to each site
"""

from image_tags.tasks.adapters.web.client import Web
from image_tags.tasks.adapters.web.page import Page

__all__ = ["Page", "Web"]
