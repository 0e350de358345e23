"""What is known of each link, kept between runs as segments under `links/`."""

from image_tags.tasks.adapters.link_records.link_log import LinkLog
from image_tags.tasks.adapters.link_records.record import LinkRecord

__all__ = ["LinkLog", "LinkRecord"]
