//! The protocol as data: requests are built and answers are read here. No network, file, clock,
//! environment or randomness.

pub mod assertion;
pub mod assertion_claims;
pub mod authority;
pub mod az_store;
pub mod device_code;
pub mod discovery;
mod form_data;
pub mod grant;
pub mod identity;
pub mod jws;
pub mod jwt;
pub mod oidc;
pub mod owner;
pub mod pasted;
pub mod pkce;
pub mod pop;
pub mod realm;
pub mod redirect;
mod redirect_request;
pub mod redirect_url;
pub mod remedy;
pub mod result_page;
pub mod token;
pub mod user_grant;
