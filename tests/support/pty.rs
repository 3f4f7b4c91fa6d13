//! A real terminal: a program in a session of its own, whose controlling terminal is a pseudoterminal that the test
//! reads and types on.

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Nothing here takes that long.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Pty {
    master: File,
    /// Kept open: the terminal's settings can be read after the program's end.
    slave: File,
    child: Child,
    shown: Arc<(Mutex<String>, Condvar)>,
    /// How much of what was shown has been waited for.
    seen: usize,
}

impl Pty {
    /// Starts a program with its environment; `None`, and SKIP, without `setsid`.
    pub fn start(command: &Command) -> Option<Self> {
        if !Command::new("setsid").arg("--version").output().is_ok_and(|output| output.status.success()) {
            super::skip("setsid");
            return None;
        }
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = File::from(rustix::fs::open(name, flags, Mode::empty()).unwrap());
        let master = File::from(master);
        let stream = || slave.try_clone().unwrap();
        let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let child = Command::new("setsid")
            .arg("--ctty")
            // A run under nohup ignores SIGHUP, and so would the program.
            .args(["/usr/bin/env", "--default-signal=INT,TERM,HUP,QUIT"])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(variables)
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap();
        let shown = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let (mut reader, log) = (master.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                log.0.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..length]).replace('\r', ""));
                log.1.notify_all();
            }
        });
        Some(Self { master, slave, child, shown, seen: 0 })
    }

    /// Types on it.
    pub fn type_text(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Everything that was shown.
    pub fn shown(&self) -> String {
        self.shown.0.lock().unwrap().clone()
    }

    /// Waits until the text is shown, after what was waited for before.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        let start = Instant::now();
        let mut shown = self.shown.0.lock().unwrap();
        loop {
            if let Some(at) = shown[self.seen..].find(text) {
                self.seen += at + text.len();
                return;
            }
            let left = LIMIT.saturating_sub(start.elapsed());
            assert!(!left.is_zero(), "no {text:?} in {shown:?}");
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
    }

    pub fn settings(&self) -> Termios {
        tcgetattr(&self.slave).unwrap()
    }

    /// Whether it edits lines and echoes, as in front of a shell.
    pub fn echoes(&self) -> bool {
        self.settings().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// Waits until it does, or does not.
    #[track_caller]
    pub fn wait_for_echo(&self, wanted: bool) {
        let start = Instant::now();
        while self.echoes() != wanted {
            assert!(start.elapsed() < LIMIT, "{}", self.shown());
            std::thread::yield_now();
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the program's end; its exit code.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
