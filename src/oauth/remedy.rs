//! Failures that users meet often, and the one thing to do about each: the only home of remedies for what Entra ID
//! refuses. A new remedy is one row.
//!
//! Source of the codes: learn.microsoft.com, "Microsoft Entra authentication and authorization error codes". A
//! remedy may name facts of the sign-in, never a secret.

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
    /// Where the client secret came from, such as `AZURE_CLIENT_SECRET`.
    pub secret_source: String,
    /// The application's certificate, where it signs in with one.
    pub certificate: String,
    /// The claims of the federated token, and where it came from, in a federated sign-in.
    pub assertion: String,
    /// Whether a browser can be opened on this machine.
    pub can_open_browser: bool,
}

/// Who signs in: what a remedy can ask of them differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Who {
    /// An application, with a secret or a certificate.
    #[default]
    Application,
    /// An application, with another issuer's token.
    Federated,
    /// The machine's own identity.
    Machine,
    /// A user, with a code that is entered on another device.
    DeviceCode,
    /// A user, with a password.
    Password,
    /// A user, in a browser on this machine, which can satisfy any policy.
    Browser,
    /// A user who is signed in with another program.
    Tool,
}

impl Who {
    /// Whether a user signs in.
    pub fn is_user(self) -> bool {
        matches!(self, Self::DeviceCode | Self::Password | Self::Browser | Self::Tool)
    }
}

/// One failure: its codes, what it is, and what to do. No text where the row does not apply to these facts.
struct Remedy {
    codes: &'static [u32],
    text: fn(&Facts) -> Option<String>,
}

const fn remedy_of(codes: &'static [u32], text: fn(&Facts) -> Option<String>) -> Remedy {
    Remedy { codes, text }
}

/// Every row; of several rows with a code the first that applies counts.
const REMEDIES: &[Remedy] = &[
    remedy_of(&[50005, 50097, 50131, 50158, 53000, 53001, 53002, 53003, 53004, 53011], |facts| {
        Some(conditional_access(facts))
    }),
    remedy_of(&[50072, 50074, 50076, 50079], |facts| match facts.who {
        Who::DeviceCode => Some(say("start the sign-in again and complete the second factor on its page")),
        Who::Browser | Who::Tool => {
            Some(say("complete or set up multifactor authentication when you sign in, then try again"))
        }
        _ => Some(conditional_access(facts)),
    }),
    remedy_of(&[50057], |_| Some(say("the account is disabled: ask an administrator to enable it"))),
    remedy_of(&[7_000_112, 700_054], |facts| {
        Some(format!(
            "the app {} is disabled, or may not get this kind of token: ask the app's owner",
            facts.client
        ))
    }),
    remedy_of(&[50058], |_| {
        Some(say(
            "the browser is signed in to another account: pass --login-hint with the right one, or sign out there",
        ))
    }),
    remedy_of(&[500_133], |_| {
        Some(say("the assertion is not valid at this moment: check this machine's clock"))
    }),
    remedy_of(&[90033, 90025, 90055], |_| Some(say("the service is busy: try again in a few minutes"))),
    remedy_of(&[50196], |_| {
        Some(say(
            "too many sign-ins in a short time: a caller works without a cache; check --token-cache none and whether the cache folder can be written",
        ))
    }),
    remedy_of(&[54005], |_| Some(say("the code was used already: sign in again"))),
    remedy_of(&[500_021, 500_022], |facts| {
        Some(format!(
            "your company's proxy restricts which tenants may be used, and {} is not one of them",
            facts.tenant
        ))
    }),
    remedy_of(&[7_000_218], |facts| match facts.who.is_user() {
        true => Some(format!(
            "the app {} is not a public client: set \"Allow public client flows\" on its Authentication page, or use --login spn",
            facts.client
        )),
        false => Some(say("the app must prove who it is: pass --client-secret or --client-certificate")),
    }),
    remedy_of(&[700_025], |facts| match facts.who {
        Who::Application | Who::Federated => Some(format!(
            "the app {} is a public client and takes no secret, certificate or assertion: use another app",
            facts.client
        )),
        _ => None,
    }),
    remedy_of(&[650_057, 650_052], |facts| {
        Some(format!(
            "the app {} has no permission for the server {}: add it under \"API permissions\"",
            facts.client, facts.server
        ))
    }),
    remedy_of(&[90009], |facts| {
        Some(format!(
            "client and server are the same app: pass its GUID as --server-id in place of {}",
            facts.server
        ))
    }),
    remedy_of(&[700_016, 90002, 900_023, 50194, 50059, 50128, 50049], |facts| {
        Some(format!(
            "the app is not in this tenant, or the tenant is not in this cloud; used: tenant {}, client {}, authority {}",
            facts.tenant, facts.client, facts.authority
        ))
    }),
    remedy_of(&[50166], |facts| match facts.who {
        Who::Federated => Some(format!(
            "Entra ID could not fetch the issuer's keys: its .well-known/openid-configuration must be reachable from the internet; the token has {}",
            facts.assertion
        )),
        _ => None,
    }),
    remedy_of(
        &[
            50013, 50027, 70021, 700_021, 700_022, 700_023, 700_024, 700_211, 700_212, 700_213, 700_027,
            7_000_272,
        ],
        |facts| match facts.who {
            Who::Federated => Some(format!(
                "no federated credential of the app matches this token, or it has expired; the token has {}",
                facts.assertion
            )),
            _ => None,
        },
    ),
    remedy_of(&[70021, 700_021, 700_022, 700_023, 700_024, 700_211, 700_212, 700_213], |facts| {
        Some(format!(
            "client, tenant or cloud do not fit the assertion; used: tenant {}, client {}, authority {}",
            facts.tenant, facts.client, facts.authority
        ))
    }),
    remedy_of(&[700_027, 7_000_272], |facts| {
        (!facts.certificate.is_empty()).then(|| {
            format!(
                "the certificate is not the one registered for this app; upload it there, or use the right one; this one has {}",
                facts.certificate
            )
        })
    }),
    remedy_of(&[90094, 90095, 900_941], |facts| {
        Some(format!("an administrator must consent to the app {}", facts.client))
    }),
    remedy_of(&[65004], |_| Some(say("you declined the consent: sign in again and accept it"))),
    remedy_of(&[50105, 65001], |_| {
        Some(say("an administrator has to assign this identity to the app, or to consent to the app"))
    }),
    remedy_of(&[50034, 50126], |_| Some(say("check the user name and the password"))),
    remedy_of(&[50053], |_| {
        Some(say(
            "the account is locked, or its sign-in comes from a blocked address: wait, or ask an administrator",
        ))
    }),
    remedy_of(&[50055], |_| {
        Some(say("the password has expired: change it, for example at https://myaccount.microsoft.com"))
    }),
    remedy_of(&[70002, 7_000_215], |facts| {
        let source = match facts.secret_source.is_empty() {
            true => String::new(),
            false => format!(" (it came from {})", facts.secret_source),
        };
        Some(format!("the client secret is wrong: use the secret's value, not its id{source}"))
    }),
    remedy_of(&[7_000_222], |_| Some(say("the client secret has expired: make a new one for the app"))),
    remedy_of(&[50011, 500_113], |_| {
        Some(say(
            "the redirect address is not registered for this app: register http://localhost as a public client's, or pass --redirect-url",
        ))
    }),
    remedy_of(&[70043, 70008, 700_082, 700_084, 50173, 50089, 50132, 50133], |_| {
        Some(say("the sign-in has expired: sign in again"))
    }),
    remedy_of(&[500_011], |facts| {
        Some(format!("there is no server app {} in this tenant: check --server-id", facts.server))
    }),
    remedy_of(&[90072, 50020, 16000], |facts| {
        Some(format!(
            "this account is not a member of the tenant {}: sign in with another account, or pass --tenant-id",
            facts.tenant
        ))
    }),
];

/// The family of codes that only Conditional Access gives.
const CONDITIONAL_ACCESS: std::ops::RangeInclusive<u32> = 530_001..=530_099;

fn say(text: &str) -> String {
    text.to_owned()
}

/// A tenant's policy blocked the sign-in.
fn conditional_access(facts: &Facts) -> String {
    match facts.who {
        Who::DeviceCode | Who::Password if facts.can_open_browser => say(
            "this tenant's policy asks for more than this login mode can do; use the browser: kubelogin convert-kubeconfig -l interactive (or azurecli)",
        ),
        Who::DeviceCode | Who::Password => say(
            "this tenant's policy asks for more than this login mode can do; sign in with a browser on another machine and paste the answer into a terminal here: kubelogin convert-kubeconfig -l interactive (or azurecli)",
        ),
        Who::Application | Who::Federated | Who::Machine => say(
            "a Conditional Access policy for workload identities blocks this application: ask an administrator which locations and which risk it allows",
        ),
        Who::Browser | Who::Tool => say(
            "this device or place does not satisfy the tenant's policy: an administrator finds the reason in the sign-in log under the correlation id",
        ),
    }
}

/// The remedy for the first of these AADSTS numbers that has one.
pub fn remedy(codes: &[u32], facts: &Facts) -> Option<String> {
    codes.iter().find_map(|code| {
        if CONDITIONAL_ACCESS.contains(code) {
            return Some(conditional_access(facts));
        }
        REMEDIES.iter().filter(|row| row.codes.contains(code)).find_map(|row| (row.text)(facts))
    })
}

/// Every code with its remedy for one who signs in so, in the table's order: for the manual.
pub fn rows(facts: &Facts) -> impl Iterator<Item = (&'static [u32], String)> {
    REMEDIES.iter().filter_map(|row| Some((row.codes, (row.text)(facts)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the README; `make readme` sets the variable and so writes it instead of comparing it.
    #[test]
    #[allow(clippy::disallowed_methods)] // A tool's switch, not the program's.
    fn the_readme_has_the_remedies() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let (before, rest) = readme.split_once("<!-- remedies -->\n").unwrap();
        let (block, after) = rest.split_once("<!-- /remedies -->").unwrap();
        let mut table = "| Entra ID says AADSTS… | what to do |\n|---|---|\n".to_owned();
        let of = |name: &str| name.to_owned();
        let facts = |who| Facts {
            tenant: of("TENANT"),
            client: of("CLIENT"),
            server: of("SERVER"),
            authority: of("AUTHORITY"),
            certificate: of("SHA-1 …"),
            assertion: of("issuer …, subject …, audience …"),
            can_open_browser: true,
            who,
            ..Facts::default()
        };
        let mut seen = Vec::new();
        for who in [Who::Application, Who::Federated, Who::DeviceCode, Who::Browser] {
            for (codes, text) in rows(&facts(who)) {
                let codes = codes.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                if !seen.contains(&(codes.clone(), text.clone())) {
                    seen.push((codes, text));
                }
            }
        }
        seen.sort_by_key(|(codes, _)| codes.clone());
        table.extend(seen.iter().map(|(codes, text)| format!("| {codes} | {text} |\n")));
        if std::env::var_os("WRITE_README").is_some() {
            let written = format!("{before}<!-- remedies -->\n{table}<!-- /remedies -->{after}");
            std::fs::write(path, written).unwrap();
        } else {
            assert!(block == table, "the remedies have changed: run `make readme`");
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

    #[test]
    fn who_signs_in_decides_the_advice() {
        let of = |who, code| remedy(&[code], &Facts { who, ..Facts::default() }).unwrap();
        assert!(of(Who::DeviceCode, 530_003).contains("-l interactive"));
        assert!(of(Who::Password, 50076).contains("-l interactive"));
        assert!(of(Who::DeviceCode, 50076).contains("second factor"));
        assert!(of(Who::Browser, 53003).contains("sign-in log"));
        assert!(of(Who::Federated, 700_211).contains("federated credential"));
        assert!(of(Who::Application, 700_211).contains("do not fit the assertion"));
    }
}
