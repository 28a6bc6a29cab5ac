"""The bus on real Kafka and MongoDB."""
