"""The open web, reached by requests behind a hardened session.

client     Web.fetch: one link from its first request to its picture's bytes, or the error that says
why not addresses  which links may be followed and which addresses connected to sockets
connections that keep the rules on addresses, time and bytes; session puts requests on top of them
resolver   names to addresses, within a time limit budget     what one link may still cost answers
reading one answer; failures: what becomes of one that is no picture manners    opt-outs, waiting
times, who we say we are; robots: robots.txt; hosts: whose turn it is
"""

from image_tags.tasks.adapters.web.client import Page, Web

__all__ = ["Page", "Web"]
