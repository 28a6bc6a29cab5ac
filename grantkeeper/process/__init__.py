"""What every process needs: settings, clock, logs, health, metrics."""
