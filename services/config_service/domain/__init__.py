"""What a command means for a token config or a principal: values in, a change or a refusal out; no IO, no clock."""
