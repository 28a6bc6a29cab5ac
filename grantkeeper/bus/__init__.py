"""Apache Kafka: the one room that knows FastStream and aiokafka."""
