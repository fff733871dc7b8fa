"""What a run will take, in time, memory and money, before it starts: from the sizes of a model and of the hardware."""
