"""What the refresher decides, without IO: records and `now` in, records and decisions out."""
