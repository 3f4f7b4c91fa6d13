//! Failures that users meet often, and the one thing to do about each.
//!
//! Source of the codes: learn.microsoft.com, "Microsoft Entra authentication and authorization error
//! codes". A remedy may name facts of the sign-in, never a secret.

/// What the sign-in was about, for remedies that have to show it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The tenant and where its value came from.
    pub tenant: String,
    /// The client application and where its value came from.
    pub client: String,
    /// The server application.
    pub server: String,
    /// The authority's base address and where it came from.
    pub authority: String,
    /// Who signs in, and how.
    pub who: Who,
    /// The application's certificate, where it signs in with one.
    pub certificate: String,
}

/// Who signs in: what a tenant's policy can ask of them differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Who {
    /// An application, by itself.
    #[default]
    Application,
    /// A person, with a code or a password.
    Person,
    /// A person, in a browser on this machine, which can satisfy any policy.
    Browser,
}

enum Text {
    Plain(&'static str),
    With(fn(&Facts) -> String),
    /// Only where there is a certificate.
    OfCertificate(&'static str),
}

const REMEDIES: &[(&[u32], Text)] = &[
    (
        &[50005, 50076, 50079, 53000, 53001, 53002, 53003],
        Text::With(|facts| {
            match facts.who {
                Who::Application => "a Conditional Access policy for workload identities blocks this application: ask an administrator which locations and which risk it allows",
                Who::Person => "this tenant's policy asks for more than this login mode can do; use the browser: kubelogin convert-kubeconfig -l interactive",
                Who::Browser => "this tenant's policy asks for more than this sign-in offers: use a device that meets it, or ask an administrator",
            }
            .to_owned()
        }),
    ),
    (
        &[50034, 50053, 50055, 50126],
        Text::Plain("check user name and password; the account may be locked or its password expired"),
    ),
    (
        &[50011, 500_113],
        Text::Plain(
            "the redirect address is not registered for this app: register http://localhost as a public client's, or pass --redirect-url",
        ),
    ),
    (&[50089, 50173, 70043, 700_082, 700_084], Text::Plain("the sign-in has expired: sign in again")),
    (
        &[50020, 90072],
        Text::With(|facts| {
            format!(
                "this account is not a member of the tenant {}: sign in with another account, or pass --tenant-id",
                facts.tenant
            )
        }),
    ),
    (
        &[50105, 65001],
        Text::Plain("an administrator has to assign this identity to the app, or to consent to the app"),
    ),
    (&[70002, 7_000_215], Text::Plain("the client secret is wrong: use the secret's value, not its id")),
    (&[7_000_222], Text::Plain("the client secret has expired: make a new one for the app")),
    (
        &[700_016, 90002, 900_023],
        Text::With(|facts| {
            format!(
                "the app is not in this tenant, or the tenant is not in this cloud; used: tenant {}, client {}, authority {}",
                facts.tenant, facts.client, facts.authority
            )
        }),
    ),
    (
        &[700_027],
        Text::OfCertificate(
            "the certificate is not the one registered for this app; upload it there, or use the right one; this one has",
        ),
    ),
    (
        &[500_011],
        Text::With(|facts| {
            format!("there is no server app {} in this tenant: check --server-id", facts.server)
        }),
    ),
];

/// The remedy for the first of these AADSTS numbers that has one.
pub fn remedy(codes: &[u32], facts: &Facts) -> Option<String> {
    codes.iter().find_map(|code| {
        let (_, text) = REMEDIES.iter().find(|(codes, _)| codes.contains(code))?;
        match text {
            Text::Plain(text) => Some((*text).to_owned()),
            Text::With(text) => Some(text(facts)),
            Text::OfCertificate(text) => {
                (!facts.certificate.is_empty()).then(|| format!("{text} {}", facts.certificate))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_stands_in_one_row() {
        let mut seen = std::collections::HashSet::new();
        for code in REMEDIES.iter().flat_map(|(codes, _)| *codes) {
            assert!(seen.insert(code), "{code}");
        }
    }

    #[test]
    fn the_first_known_code_decides() {
        let facts = Facts { server: "srv".to_owned(), ..Facts::default() };
        assert!(remedy(&[1, 500_011], &facts).unwrap().contains("srv"));
        assert_eq!(remedy(&[1], &facts), None);
        assert_eq!(remedy(&[700_027], &facts), None, "no certificate to speak of");
        let certificate = Facts { certificate: "SHA-1 x".to_owned(), ..Facts::default() };
        assert!(remedy(&[700_027], &certificate).unwrap().ends_with("this one has SHA-1 x"));
    }
}
