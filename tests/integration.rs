//! The real binary against real peers: a strict fake Entra ID over TLS, an API server, proxies, kubectl.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // Tests start programs and print.
#![allow(missing_docs)]

mod cli;
mod convert;
mod flow;
mod support;
