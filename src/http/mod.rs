//! HTTP messages as data: what is sent, what came back, addresses and form bodies. Pure, like `oauth`; how a
//! message travels is `sys::http`'s business.

pub mod form;
pub mod message;
pub mod url;
pub mod web_url;
