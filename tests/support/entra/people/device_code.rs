//! The device authorization grant (RFC 8628).

use super::{Answer, Form, Grants, exactly, expect, field, person_scope, refuse};
use serde_json::json;
use std::time::Duration;

/// How codes are given out and entered.
pub struct Behaviour {
    /// Seconds between polls.
    pub interval: u64,
    /// Seconds until a code expires.
    pub lifetime: u64,
    /// The poll that finds the code entered; 0: the user never does.
    pub entered_at_poll: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { interval: 1, lifetime: 900, entered_at_poll: 1 }
    }
}

pub struct Device {
    client: String,
    tenant: String,
    scope: String,
    interval: Duration,
    asked: Duration,
    expires: Duration,
    polls: usize,
    redeemed: bool,
}

impl Grants {
    /// Answers a request for a device code.
    pub fn device_code(&mut self, tenant: &str, form: &Form) -> Answer {
        self.seen.push(("devicecode".to_owned(), form.clone()));
        if self.script.front().is_some_and(|(of, _)| *of == "devicecode") {
            return self.script.pop_front().unwrap().1;
        }
        if let Err(refusal) = exactly(form, &["client_id", "scope"]) {
            return refusal;
        }
        let scope = match person_scope(form) {
            Ok(scope) => scope,
            Err(refusal) => return refusal,
        };
        self.serial += 1;
        let code = format!("device-{}", self.serial);
        let now = (self.now)();
        let device = Device {
            client: field(form, "client_id").unwrap().to_owned(),
            tenant: tenant.to_owned(),
            scope,
            interval: Duration::from_secs(self.device.interval),
            asked: now,
            expires: now + Duration::from_secs(self.device.lifetime),
            polls: 0,
            redeemed: false,
        };
        self.devices.insert(code.clone(), device);
        let message = "To sign in, use a web browser to open the page https://microsoft.com/devicelogin and enter the code ABC123 to authenticate.";
        let body = json!({
            "device_code": code, "user_code": "ABC123", "verification_uri": "https://microsoft.com/devicelogin",
            "expires_in": self.device.lifetime, "interval": self.device.interval, "message": message,
        });
        (200, body)
    }
}

pub fn token(grants: &mut Grants, tenant: &str, form: &Form) -> Result<Answer, Answer> {
    exactly(form, &["grant_type", "client_id", "device_code", "client_info"])?;
    expect(form, "grant_type", "urn:ietf:params:oauth:grant-type:device_code")?;
    expect(form, "client_info", "1")?;
    let now = (grants.now)();
    let entered = grants.device.entered_at_poll;
    let device = field(form, "device_code")
        .and_then(|code| grants.devices.get_mut(code))
        .ok_or_else(|| refuse("bad_verification_code", "AADSTS70020"))?;
    expect(form, "client_id", &device.client)?;
    if tenant != device.tenant || device.redeemed {
        return Err(refuse("bad_verification_code", "AADSTS70020"));
    }
    if now >= device.expires {
        return Err(refuse("expired_token", "AADSTS70019"));
    }
    // A timer may be early by what it takes the two requests to travel.
    let too_soon = now + Duration::from_millis(50) < device.asked + device.interval;
    device.asked = now;
    if too_soon {
        device.interval += Duration::from_secs(5);
        return Err(refuse("slow_down", "AADSTS70022"));
    }
    device.polls += 1;
    if entered == 0 || device.polls < entered {
        return Err(refuse("authorization_pending", "AADSTS70016"));
    }
    device.redeemed = true;
    let (client, scope) = (device.client.clone(), device.scope.clone());
    Ok(grants.issue(tenant, &client, &scope, "device-user"))
}
