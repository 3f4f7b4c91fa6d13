//! OpenID Connect with any provider: its configuration document, the requests of each grant, the checks of the
//! answers. Pure, as all of `oauth`.
//!
//! Sources: OpenID Connect Core 1.0, OpenID Connect Discovery 1.0, RFC 6749, 7636, 8628, 9207, 9700.

pub mod authorize;
pub mod client;
pub mod grant;
pub mod id_token;
pub mod lists;
pub mod provider;
pub mod remedy;
pub mod tokens;
