//! Input that is no kubeconfig, file systems that refuse, and many processes at once.

use super::{PROVIDER, config, convert};
use crate::support::{Kubelogin, TempDir};
use kubelogin::context::{Clock, Context, Env};
use std::cell::Cell;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::time::Duration;

#[test]
fn what_is_no_kubeconfig_is_named_with_its_place_and_stays() {
    let files = TempDir::new();
    let fails = |content: &[u8], text: &str| {
        let path = files.file("config", content);
        let output = convert(&path, &[]).run();
        let stderr = output.fails_with(text).to_owned();
        assert!(stderr.contains(&path.display().to_string()), "{stderr}");
        assert!(std::fs::read(&path).unwrap() == content);
    };
    fails(b"a: b\nc: [\n", "line 3");
    fails(b"users:\n- name: 'x\n", "line ");
    fails(b"just text", "no mapping at line 1, column 1");
    fails(b"- a\n", "no mapping at line 1");
    fails(b"users: text\n", "users is not a list at line 1, column 8");
    fails(b"users:\n- text\n", "a user that is not a mapping at line 2, column 3");
    fails(b"\x7fELF\x00\x01\xff\xfe", "line 1 is not valid UTF-8");
    fails(b"a: 1\n\xff", "line 2 is not valid UTF-8");
    fails(
        format!("{}- name: u\n  user: {{}}\n", config(PROVIDER)).as_bytes(),
        "two users have the name \"u\", the second at line",
    );
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for i in 1..12 {
        bomb += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(","));
    }
    fails(bomb.as_bytes(), "expand to more");
    fails("[".repeat(100_000).as_bytes(), "recursion limit exceeded");
    fails(format!("users: {}", "[".repeat(100_000)).as_bytes(), "recursion limit exceeded");
    fails(&vec![b' '; 33 << 20], "is larger than");
    let huge = files.path().join("huge");
    std::fs::File::create(&huge).unwrap().set_len(100 << 20).unwrap();
    convert(&huge, &[]).run().fails_with("is larger than");
    convert(files.path(), &[]).run().fails_with("is a folder");
}

#[test]
fn mode_link_and_folder_stay_as_they_were() {
    let files = TempDir::new();
    let real = files.file("real/config", config(PROVIDER));
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = files.path().join("link");
    symlink(&real, &link).unwrap();
    assert_eq!(convert(&link, &["-l", "msi"]).run().code, 0);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(std::fs::read_to_string(&real).unwrap().contains("exec:"));
    assert_eq!(std::fs::read_dir(real.parent().unwrap()).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(files.path()).unwrap().count(), 2);
}

#[test]
fn a_read_only_file_is_left_alone() {
    let files = TempDir::new();
    let path = files.file("config", config(PROVIDER));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    convert(&path, &["-l", "msi"]).run().fails_with("it is read-only");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), config(PROVIDER));
    assert_eq!(std::fs::read_dir(files.path()).unwrap().count(), 1);
}

/// Two files of one kubeconfig that both have something to convert, and what the run is called with.
fn two(files: &TempDir) -> ([std::path::PathBuf; 2], [String; 2], std::ffi::OsString) {
    let texts = ["u", "v"].map(|user| config(PROVIDER).replace("name: u", &format!("name: {user}")));
    let paths = [files.file("a", &texts[0]), files.file("b", &texts[1])];
    let list = std::env::join_paths(&paths).unwrap();
    (paths, texts, list)
}

#[test]
fn one_read_only_file_leaves_the_others_alone() {
    let files = TempDir::new();
    let (paths, texts, list) = two(&files);
    std::fs::set_permissions(&paths[1], std::fs::Permissions::from_mode(0o400)).unwrap();
    let output = Kubelogin::new(&["convert-kubeconfig", "-l", "msi"]).env("KUBECONFIG", &list).run();
    output.fails_with("b: it is read-only");
    assert_eq!(paths.map(|path| std::fs::read_to_string(path).unwrap()), texts);
    assert_eq!(std::fs::read_dir(files.path()).unwrap().count(), 2);
}

/// As containers get their kubeconfig: nothing can be renamed over it.
#[test]
fn a_mounted_file_is_told_apart_and_leaves_the_others_alone() {
    let files = TempDir::new();
    let (paths, texts, list) = two(&files);
    let mounted = Command::new("mount").arg("--bind").args([&paths[1], &paths[1]]).status();
    if !mounted.is_ok_and(|status| status.success()) {
        crate::support::skip("mount");
        return;
    }
    let output = Kubelogin::new(&["convert-kubeconfig", "-l", "msi"]).env("KUBECONFIG", &list).run();
    let left = paths.each_ref().map(|path| std::fs::read_to_string(path).unwrap());
    Command::new("umount").arg(&paths[1]).status().unwrap();
    output.fails_with("cannot write the kubeconfig");
    output.hints("--outfile");
    assert_eq!(left, texts);
    assert_eq!(std::fs::read_dir(files.path()).unwrap().count(), 2);
}

/// Three files; the third cannot be renamed over, nor can the first when it is given its old content back.
#[test]
fn what_cannot_be_undone_keeps_nothing_else_from_being_undone() {
    let files = TempDir::new();
    let texts = ["u", "v", "w"].map(|user| config(PROVIDER).replace("name: u", &format!("name: {user}")));
    let paths = [0, 1, 2].map(|at: usize| files.file(["a", "b", "c"][at], &texts[at]));
    let (program, _home) = Kubelogin::new(&["convert-kubeconfig", "-l", "msi"]).into_command();
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=/^rename:error=EIO:when=3..4"])
        .arg(program.get_program())
        .args(program.get_args())
        .env_clear()
        .env("HOME", files.path())
        .env("KUBECONFIG", std::env::join_paths(&paths).unwrap())
        .output();
    let Ok(output) = output else {
        println!("SKIP strace");
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("a stays converted") && stderr.contains("c: "), "{stderr}");
    let left = paths.map(|path| std::fs::read_to_string(path).unwrap());
    assert!(left[0].contains("exec:"));
    assert_eq!(left[1..], texts[1..]);
    assert_eq!(std::fs::read_dir(files.path()).unwrap().count(), 3);
}

#[test]
fn a_full_disk_loses_nothing() {
    let files = TempDir::new();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(files.path()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        crate::support::skip("mount");
        return;
    }
    let path = files.file("config", config(PROVIDER));
    let filler = files.path().join("filler");
    let _ = std::fs::write(&filler, vec![0; 1 << 20]);
    let output = convert(&path, &["-l", "msi"]).run();
    let text = std::fs::read_to_string(&path).unwrap();
    let left = std::fs::read_dir(files.path()).unwrap().count();
    Command::new("umount").arg(files.path()).status().unwrap();
    output.fails_with("No space left");
    assert_eq!((text, left), (config(PROVIDER), 2));
}

/// A clock that only moves when somebody waits.
struct Fake(Cell<Duration>);

impl Clock for &'static Fake {
    fn now(&self) -> Duration {
        Duration::from_secs(1_800_000_000) + self.0.get()
    }
    fn monotonic(&self) -> Duration {
        self.0.get()
    }
    fn sleep(&self, duration: Duration) {
        self.0.set(self.0.get() + duration);
    }
}

#[test]
fn a_lock_left_behind_is_waited_for_and_then_named() {
    let files = TempDir::new();
    let path = files.file("config", config(PROVIDER));
    let lock = files.file("config.lock", "");
    let clock: &'static Fake = Box::leak(Box::new(Fake(Cell::new(Duration::ZERO))));
    let stderr = files.path().join("stderr");
    let args = ["convert-kubeconfig", "-l", "msi", "--kubeconfig", path.to_str().unwrap()];
    let world = |args: &[&str]| {
        Context::fake(
            args,
            Env::default(),
            std::rc::Rc::new(clock),
            Box::new(std::io::sink()),
            Box::new(std::fs::File::create(&stderr).unwrap()),
        )
    };
    assert_eq!(kubelogin::run(&world(&args)), 1);
    let said = std::fs::read_to_string(&stderr).unwrap();
    assert!(said.contains(&lock.display().to_string()) && said.contains("Hint: "), "{said}");
    assert!(clock.0.get() >= Duration::from_secs(10));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), config(PROVIDER));
    assert!(lock.exists());
    // A link is locked by its own name, as kubectl does it, and by its target's.
    let link = files.path().join("link");
    symlink(&path, &link).unwrap();
    let through_link = ["convert-kubeconfig", "-l", "msi", "--kubeconfig", link.to_str().unwrap()];
    assert_eq!(kubelogin::run(&world(&through_link)), 1);
    std::fs::remove_file(&lock).unwrap();
    let lock = files.file("link.lock", "");
    assert_eq!(kubelogin::run(&world(&through_link)), 1);
    std::fs::remove_file(&lock).unwrap();
    assert_eq!(kubelogin::run(&world(&through_link)), 0);
    assert_eq!(
        std::fs::read_dir(files.path())
            .unwrap()
            .flatten()
            .filter(|e| e.path().extension().is_some_and(|x| x == "lock"))
            .count(),
        0
    );
}

#[test]
fn forty_conversions_at_once_lose_nothing() {
    let files = TempDir::new();
    let mut text = String::from("kind: Config\ncontexts:\n");
    for i in 0..40 {
        text += &format!("- name: c{i}\n  context: {{cluster: k, user: u{i}}}\n");
    }
    text += "users:\n";
    for i in 0..40 {
        text += &format!("- name: u{i}\n  user:\n{PROVIDER}");
    }
    let path = files.file("config", text);
    std::thread::scope(|scope| {
        for i in 0..40 {
            let path = &path;
            scope.spawn(move || {
                let output = convert(path, &["-l", "msi", "--context", &format!("c{i}")]).run();
                assert_eq!(output.code, 0, "{}", output.stderr);
            });
        }
    });
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!((text.matches("exec:").count(), text.matches("auth-provider").count()), (40, 0));
    assert_eq!(std::fs::read_dir(files.path()).unwrap().count(), 1);
}
