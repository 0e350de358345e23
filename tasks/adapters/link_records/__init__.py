"""What happened to each link, kept between runs."""
