"""Gets access tokens from Grantkeeper over Apache Kafka."""
