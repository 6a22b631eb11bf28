"""Settings as plain values and finished objects. Nothing below the border sees a configuration."""
