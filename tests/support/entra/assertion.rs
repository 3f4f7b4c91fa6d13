//! Assertions by certificate: everything that Entra ID and AD FS check of one.

use super::super::openssl::PublicKey;
use super::{CLIENT, EntraError, State, Version, now};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde_json::Value;
use sha1::{Digest, Sha1};
use sha2::Sha256;

const UNREGISTERED: EntraError = EntraError(
    401,
    "invalid_client",
    700_027,
    "The certificate with identifier used to sign the client assertion is not registered on application.",
);

/// Checks an assertion; what no client may send is noted besides.
pub fn check(state: &mut State, assertion: &str, version: Version, endpoint: &str) -> Result<(), EntraError> {
    match verify(state, assertion, version, endpoint) {
        Ok(()) => Ok(()),
        Err(Refusal::Entra(error)) => Err(error),
        Err(Refusal::Violation(what)) => {
            state.violations.push(format!("assertion: {what}"));
            Err(EntraError(401, "invalid_client", 50027, "JWT token is invalid or malformed."))
        }
    }
}

enum Refusal {
    Entra(EntraError),
    Violation(String),
}

fn verify(state: &mut State, assertion: &str, version: Version, endpoint: &str) -> Result<(), Refusal> {
    let violation = |what: String| Refusal::Violation(what);
    let must = |right: bool, what: &str| if right { Ok(()) } else { Err(violation(what.to_owned())) };
    let json = |part: Option<&str>| -> Result<Value, Refusal> {
        let bytes = URL_SAFE_NO_PAD.decode(part.unwrap_or("*")).map_err(|e| violation(e.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|e| violation(e.to_string()))
    };
    let mut parts = assertion.split('.');
    let (header, claims) = (json(parts.next())?, json(parts.next())?);
    let signature =
        URL_SAFE_NO_PAD.decode(parts.next().unwrap_or("*")).map_err(|e| violation(e.to_string()))?;
    must(parts.next().is_none(), "four parts")?;

    let x5c: Vec<Vec<u8>> = header["x5c"]
        .as_array()
        .ok_or_else(|| violation("no x5c".to_owned()))?
        .iter()
        .map(|c| STANDARD.decode(c.as_str().unwrap()).unwrap())
        .collect();
    let (leaf, chain) = x5c.split_first().ok_or_else(|| violation("empty x5c".to_owned()))?;
    let registered = state.certificates.iter().find(|registration| registration.der == *leaf);
    let registered = registered.ok_or(Refusal::Entra(UNREGISTERED))?;
    must(chain == registered.chain, "another chain")?;
    let (algorithm, thumbprint, verification, key): (_, _, &dyn VerificationAlgorithm, _) =
        match (&registered.public_key, version) {
            (PublicKey::Rsa(key), Version::V2) => ("PS256", sha256(leaf), &RSA_PSS_2048_8192_SHA256, key),
            (PublicKey::Rsa(key), _) => ("RS256", sha1(leaf), &RSA_PKCS1_2048_8192_SHA256, key),
            (PublicKey::P256(key), Version::V2) => ("ES256", sha256(leaf), &ECDSA_P256_SHA256_FIXED, key),
            (PublicKey::P256(_), _) => return Err(violation("an EC key".to_owned())),
        };
    must(header["alg"] == algorithm, &format!("alg {}, not {algorithm}", header["alg"]))?;
    must(header["typ"] == "JWT", "typ")?;
    let name = if algorithm == "RS256" { "x5t" } else { "x5t#S256" };
    must(header[name] == URL_SAFE_NO_PAD.encode(thumbprint), name)?;
    must(header.as_object().unwrap().len() == 4, "other header fields")?;
    let signed = assertion.rsplit_once('.').unwrap().0;
    UnparsedPublicKey::new(verification, key)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| violation("signature".to_owned()))?;

    let mut names: Vec<&String> = claims.as_object().unwrap().keys().collect();
    names.sort();
    must(names == ["aud", "exp", "iss", "jti", "nbf", "sub"], "other claims")?;
    must(claims["aud"] == endpoint, &format!("aud {}, not {endpoint}", claims["aud"]))?;
    must(claims["iss"] == CLIENT && claims["sub"] == CLIENT, "iss, sub")?;
    let (from, to) = (claims["nbf"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    must(to == from + 600, "lifetime")?;
    if now() + 300 < from || now() >= to + 300 {
        return Err(Refusal::Entra(EntraError(
            401,
            "invalid_client",
            700_024,
            "Client assertion is not within its valid time range.",
        )));
    }
    let id = claims["jti"].as_str().unwrap_or_default().to_owned();
    must(id.len() == 36, "jti")?;
    must(!state.assertion_ids.contains(&id), "replayed")?;
    state.assertion_ids.push(id);
    Ok(())
}

fn sha256(der: &[u8]) -> Vec<u8> {
    Sha256::digest(der).to_vec()
}

fn sha1(der: &[u8]) -> Vec<u8> {
    Sha1::digest(der).to_vec()
}
