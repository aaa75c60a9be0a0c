"""A policy at work: a layer of steps between the engine's dispatch and the provider's."""
