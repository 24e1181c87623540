//! Layers and operations on candle tensors with their gradients, optimizers, seeded random streams.
