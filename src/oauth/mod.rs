//! The protocol as data: requests are built and answers are read here. No network, file, clock,
//! environment or randomness.

pub mod message;
