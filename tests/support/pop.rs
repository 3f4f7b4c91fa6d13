//! The other sides of proof of possession: what Entra ID checks of a request, and what a cluster checks of a
//! token. Nothing of it is shared with the program.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The key id to which a token request wants its token bound; an error for half of it.
pub fn requested(form: &[(String, String)]) -> Result<Option<String>, String> {
    let field = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    match (field("token_type"), field("req_cnf")) {
        (None, None) => Ok(None),
        (Some("pop"), Some(confirmation)) => {
            let json = URL_SAFE_NO_PAD.decode(confirmation).map_err(|e| format!("req_cnf: {e}"))?;
            let json: Value = serde_json::from_slice(&json).map_err(|e| format!("req_cnf: {e}"))?;
            let members: Vec<&String> = json.as_object().ok_or("req_cnf is no object")?.keys().collect();
            let id = json["kid"].as_str().unwrap_or_default();
            if members != ["kid", "xms_ksl"] || json["xms_ksl"] != "sw" || id.len() != 43 {
                return Err(format!("req_cnf is {json}"));
            }
            Ok(Some(id.to_owned()))
        }
        other => Err(format!("half of a request for proof of possession: {other:?}")),
    }
}

/// The access token inside of a wrapper, if a cluster of this id takes it at this time.
pub fn unwrap(wrapper: &str, cluster: &str, now: u64) -> Result<String, String> {
    let parts: Vec<&str> = wrapper.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else { return Err("not a JWT".to_owned()) };
    let json = |part: &str| -> Result<Value, String> {
        let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|e| e.to_string())?;
        serde_json::from_slice(&bytes).map_err(|e| e.to_string())
    };
    let bytes =
        |value: &Value| URL_SAFE_NO_PAD.decode(value.as_str().unwrap_or("*")).map_err(|e| e.to_string());
    let check = |right: bool, what: &str| if right { Ok(()) } else { Err(what.to_owned()) };
    let (header, claims) = (json(header)?, json(payload)?);
    check(header["typ"] == "pop", "typ")?;
    check(header["alg"] == "RS256", "alg")?;
    let jwk = &claims["cnf"]["jwk"];
    check(jwk["kty"] == "RSA" && jwk["alg"] == "RS256", "jwk")?;
    let members = format!("{{\"e\":{},\"kty\":\"RSA\",\"n\":{}}}", jwk["e"], jwk["n"]);
    let id = URL_SAFE_NO_PAD.encode(Sha256::digest(members));
    check(header["kid"] == id.as_str() && jwk["kid"] == id.as_str(), "kid")?;
    let ts = claims["ts"].as_u64().ok_or("ts")?;
    check(ts <= now + 300 && now < ts + 900, "ts")?;
    check(claims["u"] == cluster, "u")?;
    check(claims["nonce"].as_str().is_some_and(|nonce| nonce.len() == 32), "nonce")?;
    let mut names: Vec<&String> = claims.as_object().unwrap().keys().collect();
    names.sort();
    check(names == ["at", "cnf", "nonce", "ts", "u"], "other claims")?;
    let token = claims["at"].as_str().ok_or("at")?;
    let inner = json(token.split('.').nth(1).unwrap_or_default())?;
    check(inner["cnf"]["kid"] == id.as_str(), "the token is bound to another key")?;
    let (n, e) = (bytes(&jwk["n"])?, bytes(&jwk["e"])?);
    let signed = wrapper.rsplit_once('.').unwrap().0;
    RsaPublicKeyComponents { n: &n, e: &e }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .map_err(|_| "signature".to_owned())?;
    Ok(token.to_owned())
}
