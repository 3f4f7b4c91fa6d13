//! For random kubeconfigs of all shapes: what kubectl reads before and after differs in the converted entries alone.
//!
//! `KUBELOGIN_CASES=5000` makes more of them; each is named by its number and comes again by it.

use super::properties::Random;
use crate::flow::kubectls;
use crate::support::TempDir;
use kubelogin::context::{Context, Env};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// As many files as one call of kubectl reads: their names are apart, so that the merge is their sum.
const AT_ONCE: usize = 100;

/// A value that is yet to be written in one of many ways.
enum Node {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(&'static str, Node)>),
    /// Written as it stands: an alias, a number.
    Raw(String),
}
use Node::{List, Map, Raw, Text};

/// Who writes kubeconfigs like this.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Kubectl,
    PyYaml,
    Terraform,
    Rancher,
    Json,
    PrettyJson,
    Mixed,
}

fn text(random: &mut Random) -> Node {
    Text(
        random
            .pick(&[
                "plain",
                "https://k.example:443/path",
                "yes",
                "0123",
                "12:30",
                "~",
                "",
                " led",
                "a: b # c",
                "it's \"quoted\" \\n",
                "\u{e4} \u{1f600} \u{a0}x",
                "two\nlines\n",
                "one\n\n  indented\nlast",
                "words enough that somebody who wraps lines at eighty columns has to wrap this one, twice even",
                "[a, {b: c}]",
                "- x",
                "*no-alias",
                "%20",
                "@x",
                "tab\tin",
            ])
            .to_owned(),
    )
}

fn user(random: &mut Random, anchored: bool) -> Node {
    let word = |text: &str| Text(text.to_owned());
    let list = |words: &[&str]| List(words.iter().map(|text| Text((*text).to_owned())).collect());
    let env = |random: &mut Random| Map(vec![("name", word("A")), ("value", text(random))]);
    let mut fields = match random.below(6) {
        0 | 1 => {
            let config = if anchored && random.below(2) == 0 {
                Raw("*config".to_owned())
            } else {
                Map(vec![
                    ("apiserver-id", word("s")),
                    ("client-id", word("c")),
                    ("config-mode", word(random.pick(&["1", "0"]))),
                    ("environment", word("AzurePublicCloud")),
                    ("tenant-id", word("t")),
                ])
            };
            vec![("auth-provider", Map(vec![("config", config), ("name", word("azure"))]))]
        }
        2 | 3 => {
            let args = list(&["get-token", "--server-id", "s", "--client-id=c", "-tt", "--environment", "E"]);
            let mut exec = vec![
                ("apiVersion", word("client.authentication.k8s.io/v1beta1")),
                ("args", args),
                ("command", word(random.pick(&["kubelogin", "/usr/bin/kubelogin"]))),
                ("env", if random.below(2) == 0 { Raw("null".to_owned()) } else { List(vec![env(random)]) }),
            ];
            if random.below(2) == 0 {
                exec.push(("installHint", text(random)));
            }
            if random.below(2) == 0 {
                exec.push(("provideClusterInfo", Raw("false".to_owned())));
            }
            vec![("exec", Map(exec))]
        }
        4 => vec![(
            "exec",
            Map(vec![
                ("apiVersion", word("client.authentication.k8s.io/v1")),
                ("args", List(vec![text(random), word("get-token"), text(random)])),
                ("command", word("aws")),
                ("env", List(vec![env(random), env(random)])),
                ("interactiveMode", word("Never")),
            ]),
        )],
        _ => vec![("password", text(random)), ("username", text(random))],
    };
    if random.below(3) == 0 {
        fields.push(("token", text(random)));
    }
    if random.below(4) == 0 {
        fields.insert(0, ("client-certificate-data", word("QUJDRA==")));
    }
    Map(fields)
}

fn kubeconfig(random: &mut Random, case: usize, anchored: bool) -> Node {
    let word = |text: &str| Text(text.to_owned());
    let name = |kind: &str, i: usize| Text(format!("{kind}-{case}-{i}"));
    let count = 1 + random.below(4);
    let entries = |random: &mut Random,
                   kind: &str,
                   key: &'static str,
                   value: &mut dyn FnMut(&mut Random, usize) -> Node| {
        List(
            (0..count)
                .map(|i| {
                    let (name, value) = (("name", name(kind, i)), (key, value(random, i)));
                    Map(if random.below(2) == 0 { vec![name, value] } else { vec![value, name] })
                })
                .collect(),
        )
    };
    let clusters = entries(random, "k", "cluster", &mut |random, _| {
        let mut fields = vec![
            ("certificate-authority-data", word(&"QUJD".repeat(1 + random.below(40)))),
            ("server", text(random)),
        ];
        if random.below(3) == 0 {
            let extension =
                Map(vec![("any", List(vec![Raw("1".to_owned()), text(random)])), ("more", Map(vec![]))]);
            fields.push(("extensions", List(vec![Map(vec![("extension", extension), ("name", word("e"))])])));
        }
        Map(fields)
    });
    let contexts = entries(random, "c", "context", &mut |random, i| {
        Map(vec![
            ("cluster", Text(format!("k-{case}-{i}"))),
            ("namespace", text(random)),
            ("user", Text(format!("u-{case}-{i}"))),
        ])
    });
    let users = entries(random, "u", "user", &mut |random, _| user(random, anchored));
    let mut root = vec![
        ("apiVersion", word("v1")),
        ("clusters", clusters),
        ("contexts", contexts),
        ("current-context", word(if random.below(2) == 0 { "" } else { "c-0-0" })),
        ("kind", word("Config")),
        ("preferences", Map(vec![])),
        ("users", users),
    ];
    if random.below(4) == 0 {
        let at = random.below(root.len());
        let users = root.pop().unwrap();
        root.insert(at, users);
    }
    if anchored {
        root.insert(
            0,
            (
                "x-config",
                Raw(
                    "&config {apiserver-id: s, client-id: c, config-mode: '1', environment: E, tenant-id: t}"
                        .to_owned(),
                ),
            ),
        );
    }
    Map(root)
}

/// The lines of a text, and whether a comment may stand before each.
struct Writer<'r> {
    random: &'r mut Random,
    shape: Shape,
    lines: Vec<(String, bool)>,
}

impl Writer<'_> {
    fn key(&self, key: &str) -> String {
        match self.shape {
            Shape::Terraform => format!("\"{key}\":"),
            _ => format!("{key}:"),
        }
    }

    fn value(&mut self, head: String, indent: usize, node: &Node) {
        let gap = if self.shape == Shape::Mixed && self.random.below(6) == 0 { ":\t" } else { ": " };
        let with_gap =
            |head: &str| head.strip_suffix(':').map_or(format!("{head} "), |key| format!("{key}{gap}"));
        let comment = self.comment();
        match node {
            Raw(text) => self.lines.push((format!("{}{text}", with_gap(&head)), true)),
            Text(text) => self.text(head.clone(), &with_gap(&head), indent, text),
            Map(fields) if fields.is_empty() => self.lines.push((format!("{head} {{}}{comment}"), true)),
            List(items) if items.is_empty() => self.lines.push((format!("{head} []"), true)),
            node if self.shape == Shape::Mixed && self.random.below(5) == 0 => {
                self.lines.push((format!("{head} {}{comment}", json(node)), true));
            }
            Map(fields) => {
                self.lines.push((format!("{head}{comment}"), true));
                for (key, value) in fields {
                    let head = format!("{}{}", " ".repeat(indent + 2), self.key(key));
                    self.value(head, indent + 2, value);
                }
            }
            List(items) => {
                self.lines.push((format!("{head}{comment}"), true));
                let indented = matches!(self.shape, Shape::Terraform | Shape::Rancher);
                let at = if indented { indent + 2 } else { indent };
                for item in items {
                    self.item(at, item);
                }
            }
        }
    }

    fn item(&mut self, indent: usize, node: &Node) {
        let pad = " ".repeat(indent);
        match node {
            Map(fields) if !fields.is_empty() => {
                for (at, (key, value)) in fields.iter().enumerate() {
                    let lead = if at == 0 { format!("{pad}- ") } else { format!("{pad}  ") };
                    let head = format!("{lead}{}", self.key(key));
                    self.value(head, indent + 2, value);
                }
            }
            Text(text) => self.text(format!("{pad}-"), &format!("{pad}- "), indent, text),
            node => self.lines.push((format!("{pad}- {}", json(node)), true)),
        }
    }

    /// A comment at a line's end, where this shape has such.
    fn comment(&mut self) -> &'static str {
        let has = matches!(self.shape, Shape::Mixed | Shape::Rancher) && self.random.below(5) == 0;
        if has { " # note: {x}" } else { "" }
    }

    fn text(&mut self, head: String, with_gap: &str, indent: usize, text: &str) {
        let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_.:=-".contains(c))
            && !["yes", "null"].contains(&text);
        let is_one_line = !text.contains(['\n', '\t', '\u{a0}']);
        let folds = is_one_line && text.contains(' ') && !text.starts_with(' ') && !text.contains("  ");
        let style = match self.shape {
            Shape::Terraform => 0,
            Shape::Kubectl | Shape::PyYaml if is_plain => 1,
            Shape::PyYaml if folds && text.len() > 60 => 3,
            Shape::Kubectl | Shape::PyYaml if text.contains('\n') && !text.contains("  ") => 4,
            Shape::Kubectl | Shape::PyYaml if is_one_line => 2,
            Shape::Kubectl | Shape::PyYaml => 0,
            _ => self.random.below(5),
        };
        let comment = self.comment();
        match style {
            1 if is_plain => self.lines.push((format!("{with_gap}{text}{comment}"), true)),
            2 if is_one_line => {
                self.lines.push((format!("{with_gap}'{}'{comment}", text.replace('\'', "''")), true));
            }
            3 if folds => {
                let (first, rest) = text.split_once(' ').unwrap();
                let quoted = |text: &str| text.replace('\'', "''");
                self.lines.push((format!("{with_gap}'{}", quoted(first)), true));
                self.lines.push((format!("{}{}'", " ".repeat(indent + 2), quoted(rest)), false));
            }
            4 if text.contains('\n') && !text.starts_with(['\n', ' ']) => {
                let chomp = if text.ends_with('\n') { "" } else { "-" };
                self.lines.push((format!("{head} |{chomp}"), true));
                for line in text.trim_end_matches('\n').split('\n') {
                    let pad = " ".repeat(indent + 2);
                    self.lines
                        .push((if line.is_empty() { String::new() } else { format!("{pad}{line}") }, false));
                }
            }
            _ => self.lines.push((format!("{with_gap}{}{comment}", Json::from(text)), true)),
        }
    }
}

fn json(node: &Node) -> String {
    match node {
        Raw(text) => text.clone(),
        Text(text) => Json::from(text.as_str()).to_string(),
        List(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", ")),
        Map(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("\"{key}\": {}", json(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// The bytes of a random kubeconfig, and what they are like.
fn bytes(random: &mut Random, case: usize) -> (Vec<u8>, String) {
    let shapes = [
        Shape::Kubectl,
        Shape::PyYaml,
        Shape::Terraform,
        Shape::Rancher,
        Shape::Json,
        Shape::PrettyJson,
        Shape::Mixed,
        Shape::Mixed,
    ];
    let shape = shapes[random.below(shapes.len())];
    let is_json = matches!(shape, Shape::Json | Shape::PrettyJson);
    let anchored = shape == Shape::Mixed && random.below(2) == 0;
    let root = kubeconfig(random, case, anchored);
    let mut text = if is_json {
        let compact = json(&root);
        match shape {
            Shape::PrettyJson => {
                serde_json::to_string_pretty(&serde_json::from_str::<Json>(&compact).unwrap()).unwrap() + "\n"
            }
            _ => compact,
        }
    } else {
        let Map(fields) = &root else { panic!("the root is a map") };
        let mut writer = Writer { random, shape, lines: Vec::new() };
        if shape == Shape::Mixed {
            writer.lines.push(("---".to_owned(), true));
        }
        for (key, value) in fields {
            let head = writer.key(key);
            writer.value(head, 0, value);
        }
        let lines = writer.lines;
        let mut text = String::new();
        for (line, is_safe) in lines {
            if is_safe && shape == Shape::Mixed && random.below(5) == 0 && !text.is_empty() {
                let pad = random.pick(&["", "  ", "      ", "            "]);
                text += &format!("{pad}# a comment: {{ [ ' \u{e4}\n");
            }
            text += &line;
            text += "\n";
        }
        text
    };
    if random.below(4) == 0 && shape != Shape::Json {
        text = text.replace('\n', "\r\n");
    }
    if random.below(6) == 0 && text.ends_with('\n') && !text.ends_with("\n\n") {
        text.truncate(text.trim_end().len());
    }
    let units = |write: fn(u16) -> [u8; 2]| {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(write).collect::<Vec<u8>>()
    };
    let (bytes, encoding) = match random.below(8) {
        0 => (units(u16::to_le_bytes), "UTF-16LE"),
        1 => (units(u16::to_be_bytes), "UTF-16BE"),
        2 if !is_json => (format!("\u{feff}{text}").into_bytes(), "with a mark"),
        _ => (text.clone().into_bytes(), "UTF-8"),
    };
    (bytes, format!("case {case}, {shape:?}, {encoding}:\n{text}"))
}

/// All that kubectl reads in these files.
fn kubectl(kubectl: &Path, files: &[PathBuf]) -> Result<Json, String> {
    let view = Command::new(kubectl)
        .args(["config", "view", "--raw", "-o", "json"])
        .env_clear()
        .env("HOME", files[0].parent().unwrap())
        .env("KUBECONFIG", std::env::join_paths(files).unwrap())
        .output()
        .unwrap();
    match view.status.success() {
        true => Ok(serde_json::from_slice(&view.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&view.stderr).into_owned()),
    }
}

fn convert(path: &Path, mode: &str) {
    let stderr = path.with_extension("stderr");
    let ctx = Context::fake(
        &["convert-kubeconfig", "-l", mode, "--kubeconfig", path.to_str().unwrap()],
        Env::default(),
        Context::real().clock,
        Box::new(std::io::sink()),
        Box::new(std::fs::File::create(&stderr).unwrap()),
    );
    let code = kubelogin::run(&ctx);
    assert_eq!(code, 0, "{}", std::fs::read_to_string(&stderr).unwrap());
}

fn is_ours(user: &Json) -> bool {
    user["auth-provider"]["name"] == "azure"
        || user["exec"]["command"].as_str().is_some_and(|command| command.contains("kubelogin"))
}

/// What is left of a user, or of the whole, when conversion may not have touched it.
fn untouched(mut all: Json) -> Json {
    for user in all["users"].as_array_mut().into_iter().flatten() {
        let user = &mut user["user"];
        if is_ours(user) {
            let exec = user["exec"].take();
            let fields = user.as_object_mut().unwrap();
            fields.remove("auth-provider");
            let hint = exec["installHint"].as_str().unwrap_or_default();
            let own_hint = if hint.contains("not installed which is required") { "" } else { hint };
            let kept = [exec["env"].clone(), own_hint.into(), (exec["provideClusterInfo"] == true).into()];
            fields.insert("exec".to_owned(), Json::from(kept.to_vec()));
        }
    }
    all
}

#[test]
fn kubectl_sees_no_other_difference_than_the_converted_entries() {
    let cases: usize = std::env::var("KUBELOGIN_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let kubectls = kubectls();
    let Some(program) = kubectls.first() else {
        println!("SKIP kubectl");
        return;
    };
    for start in (0..cases).step_by(AT_ONCE) {
        let files = TempDir::new();
        let made: Vec<(PathBuf, String)> = (start..cases.min(start + AT_ONCE))
            .map(|case| {
                let mut random = Random::new(case as u64 + 1);
                let (bytes, shown) = bytes(&mut random, case);
                (files.file(&format!("config-{case}"), bytes), shown)
            })
            .collect();
        let paths: Vec<PathBuf> = made.iter().map(|(path, _)| path.clone()).collect();
        let read = |paths: &[PathBuf]| {
            kubectl(program, paths).unwrap_or_else(|why| {
                let bad = made.iter().find(|(path, _)| kubectl(program, std::slice::from_ref(path)).is_err());
                panic!(
                    "{why}{}\n{}",
                    bad.unwrap().1,
                    std::fs::read_to_string(&bad.unwrap().0).unwrap_or_default()
                )
            })
        };
        let before = read(&paths);
        for (at, (path, _)) in made.iter().enumerate() {
            convert(path, ["devicecode", "spn", "msi", "azurecli"][at % 4]);
        }
        let after = read(&paths);
        if untouched(before.clone()) != untouched(after.clone()) {
            for (path, shown) in &made {
                let case =
                    path.extension().is_none().then(|| path.file_name().unwrap().to_str().unwrap()).unwrap();
                let number = case.strip_prefix("config").unwrap();
                let of = |all: &Json| -> Vec<Json> {
                    let all = untouched(all.clone());
                    ["clusters", "contexts", "users"]
                        .iter()
                        .flat_map(|list| all[list].as_array().cloned().unwrap_or_default())
                        .filter(|entry| entry["name"].as_str().unwrap().contains(&format!("{number}-")))
                        .collect()
                };
                assert_eq!(of(&before), of(&after), "{shown}\n{}", std::fs::read_to_string(path).unwrap());
            }
            panic!("the files differ in what is no entry");
        }
        let users = |all: &Json| all["users"].as_array().unwrap().clone();
        for (old, new) in users(&before).iter().zip(users(&after)) {
            if is_ours(&old["user"]) {
                assert_eq!(new["user"]["exec"]["args"][0], "get-token", "{new}");
                assert!(new["user"].get("auth-provider").is_none());
            }
        }
        for (at, (path, shown)) in made.iter().enumerate() {
            let once = std::fs::read(path).unwrap();
            convert(path, ["devicecode", "spn", "msi", "azurecli"][at % 4]);
            assert!(std::fs::read(path).unwrap() == once, "twice is not once: {shown}");
        }
    }
}
