//! For random kubeconfigs: converting changes only what the rules name, and twice equals once.

use super::{convert, value};
use crate::support::TempDir;
use kubelogin::kubeconfig::value::Value;

/// xorshift64*, so that a failing case comes again by its number.
pub struct Random(u64);

impl Random {
    /// The numbers of a case.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9))
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }

    pub fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

fn scalar(random: &mut Random) -> String {
    random
        .pick(&[
            "plain",
            "'single ''quoted'''",
            "\"dou\\\"ble \\u00e4\"",
            "yes",
            "0123",
            "~",
            "ä ö",
            "{a: 'b'}",
            "[1, {x: y}]",
            "\"#\"",
            "|\n        literal\n        text",
            ">-\n        folded\n        text",
        ])
        .to_owned()
}

fn user(random: &mut Random, i: usize) -> String {
    let comment = random.pick(&["", "  # a comment", "  # ünïcode"]);
    let own = match random.below(5) {
        0 => format!(
            "    auth-provider:{comment}\n      name: azure\n      config:\n        apiserver-id: s{i}\n        tenant-id: t\n        client-id: c\n"
        ),
        1 => format!(
            "    exec:\n      command: kubelogin{comment}\n      args:\n      - get-token\n      - --server-id\n      - s{i}\n      - --client-id=c\n      - -tt\n      env: null\n"
        ),
        2 => format!(
            "    {{exec: {{command: kubelogin, args: [get-token, --server-id, 's{i}', --client-id, c, -t, t]}}}}\n"
        ),
        3 => format!("    token: x{i}{comment}\n"),
        _ => format!(
            "    client-certificate-data: QUJD\n    exec:\n      command: aws\n      args: [eks, get-token]{comment}\n"
        ),
    };
    let other = if own.trim_start().starts_with('{') || random.below(2) == 0 {
        String::new()
    } else {
        format!("    extra{i}: kept\n")
    };
    format!("- name: u{i}\n  user:\n{own}{other}")
}

fn kubeconfig(random: &mut Random) -> String {
    let mut text = String::from(random.pick(&["", "# head ä\n", "---\n"]));
    text += "apiVersion: v1\nkind: Config\n";
    for i in 0..random.below(4) {
        text += &format!("x-{i}:\n    key: {}\n", scalar(random));
    }
    text += random.pick(&["users:\n", "users: # people\n"]);
    for i in 0..1 + random.below(6) {
        text += &user(random, i);
        text += random.pick(&["", "\n", "# between\n"]);
    }
    text += random.pick(&["", "current-context: ''\n", "preferences: {}\n# end\n"]);
    if random.below(4) == 0 { text.replace('\n', "\r\n") } else { text }
}

fn users(value: &Value) -> Vec<(String, Value)> {
    let Some(Value::List(users)) = value.get("users") else { return Vec::new() };
    users
        .iter()
        .map(|user| {
            (user.get("name").unwrap().as_text().unwrap().to_owned(), user.get("user").unwrap().clone())
        })
        .collect()
}

fn ours(user: &Value) -> bool {
    user.get("auth-provider").is_some()
        || user.get("exec").and_then(|e| e.get("command")).and_then(Value::as_text) == Some("kubelogin")
}

/// Everything before the first user.
fn head(text: &str) -> &str {
    &text[..text.find("- name: u0").unwrap()]
}

/// One user's lines, with the comments between it and the next.
fn segment(text: &str) -> &str {
    &text[..text[1..].find("- name: u").map_or(text.len(), |at| at + 1)]
}

#[test]
fn converting_changes_only_what_the_rules_name() {
    let files = TempDir::new();
    for seed in 1..=150 {
        let mut random = Random::new(seed);
        let text = kubeconfig(&mut random);
        let path = files.file("config", &text);
        let mode = random.pick(&["devicecode", "spn", "msi", "azurecli"]);
        let output = convert(&path, &["-l", mode]).run();
        assert_eq!(output.code, 0, "{seed}: {}\n{text}", output.stderr);
        let converted = std::fs::read_to_string(&path).unwrap();
        let (old, new) = (value(&text), value(&converted));
        for ((name, before), (new_name, after)) in users(&old).iter().zip(users(&new)) {
            assert_eq!(*name, new_name);
            if !ours(before) {
                assert!(before.semantically_equal(&after), "{seed}: {name}");
                continue;
            }
            let Value::Map(fields) = before else { panic!() };
            for (key, value) in
                fields.iter().filter(|(key, _)| !matches!(key.text.as_str(), "exec" | "auth-provider"))
            {
                assert!(
                    after.get(&key.text).unwrap().semantically_equal(value),
                    "{seed}: {name}.{}",
                    key.text
                );
            }
            assert!(after.get("auth-provider").is_none() && after.get("exec").is_some());
        }
        let Value::Map(entries) = &old else { panic!() };
        for (key, value) in entries.iter().filter(|(key, _)| key.text != "users") {
            assert!(new.get(&key.text).unwrap().semantically_equal(value), "{seed}: {}", key.text);
        }
        // What is not in a converted user is there byte for byte.
        if !output.stderr.contains("written anew") {
            let kept = users(&old)
                .into_iter()
                .filter(|(_, user)| !ours(user))
                .map(|(name, _)| format!("- name: {name}"));
            let mut segments: Vec<&str> = vec![head(&text)];
            for start in
                kept.map(|name| text.find(&format!("{name}\n")).or(text.find(&format!("{name}\r"))).unwrap())
            {
                segments.push(segment(&text[start..]));
            }
            for segment in segments {
                assert!(converted.contains(segment), "{seed}: {segment:?} is not in\n{converted}");
            }
            assert!(converted.starts_with(head(&text)), "{seed}");
        }
        let once = converted;
        convert(&path, &["-l", mode]).run();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), once, "{seed}");
    }
}
