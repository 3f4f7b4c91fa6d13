//! OpenID Connect as data: any provider, not Entra ID alone (OpenID Connect Core 1.0 and Discovery 1.0).

pub mod client;
pub mod id_token;
pub mod lists;
pub mod provider;
pub mod remedy;
pub mod web_address;
