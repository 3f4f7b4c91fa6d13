//! The issuer's name in a certificate, for the message that says whose certificate was not trusted.

/// The common name (or organization) of a DER certificate's issuer; `None` when it cannot be found.
///
/// Walks `Certificate > tbsCertificate > [version], serialNumber, signature, issuer` (RFC 5280 section
/// 4.1). It is only shown, never decided on.
pub fn name(certificate: &[u8]) -> Option<String> {
    let (_, certificate, _) = element(certificate)?;
    let (_, tbs, _) = element(certificate)?;
    let (tag, _, after_version) = element(tbs)?;
    let serial = if tag == 0xa0 { after_version } else { tbs };
    let (_, _, signature) = element(serial)?;
    let (_, _, issuer) = element(signature)?;
    let (_, issuer, _) = element(issuer)?;
    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    const ORGANIZATION: &[u8] = &[0x55, 4, 10];
    attribute(issuer, COMMON_NAME).or_else(|| attribute(issuer, ORGANIZATION))
}

/// One attribute of a distinguished name: a sequence of sets of (type, value) pairs.
fn attribute(mut names: &[u8], wanted: &[u8]) -> Option<String> {
    while let Some((_, set, rest)) = element(names) {
        let (_, pair, _) = element(set)?;
        let (_, kind, value) = element(pair)?;
        let (_, value, _) = element(value)?;
        if kind == wanted {
            return Some(String::from_utf8_lossy(value).into_owned());
        }
        names = rest;
    }
    None
}

/// Tag, content and what follows of the first DER element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 3 {
            return None;
        }
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_common_name_of_the_issuer() {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "Corp Proxy CA");
        let certificate = parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        assert_eq!(name(certificate.der()).as_deref(), Some("Corp Proxy CA"));
        for end in 0..certificate.der().len() {
            let _ = name(&certificate.der()[..end]);
        }
    }
}
