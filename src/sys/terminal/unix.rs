//! The terminal of a Unix process.
//!
//! ```text
//!           open: edits lines, echoes, foreground
//!                           │
//!      foreground again     v      Ctrl-C, Ctrl-\, Ctrl-Z: settings restored, then the group gets the signal
//!   Restored ──────────> Hidden ──────────────────────────────────────────────────────────────> Restored
//!                           │ dropped, also by a signal: settings restored
//! ```
//! The keys of signals arrive as bytes. If the terminal itself sent the signal, kubectl, our parent, would end or
//! stop at once, and its shell would have the terminal, its echo still off, before a handler of ours could run; a
//! process in the background may not change it any more. So the settings are restored first, and then the whole
//! group gets the signal, as from the terminal.

use super::line::{BACKSPACE, CTRL_U, Line, LineEvent};
use super::{Context, Input, NoInput, POLL, io};
use crate::sys::interrupt::{SignalGuard, defer_signals};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Signal, getpgrp, kill_current_process_group};
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcgetpgrp,
    tcsetattr,
};
use std::os::fd::OwnedFd;
use zeroize::{Zeroize, Zeroizing};

const TERMINAL: &str = "/dev/tty";
/// How much is read at a time.
const CHUNK: usize = 4 << 10;
/// The value that switches a special character off (`_POSIX_VDISABLE`).
const NO_CHARACTER: u8 = if cfg!(any(target_os = "linux", target_os = "android")) { 0 } else { 0xff };

/// The keys that send a signal.
const SIGNAL_KEYS: &[(SpecialCodeIndex, Signal)] = &[
    (SpecialCodeIndex::VINTR, Signal::INT),
    (SpecialCodeIndex::VQUIT, Signal::QUIT),
    (SpecialCodeIndex::VSUSP, Signal::TSTP),
];

/// Lines from a terminal that neither echoes nor edits them.
#[derive(Debug)]
pub struct HiddenInput {
    tty: OwnedFd,
    /// The settings to restore.
    settings: Termios,
    is_hidden: bool,
    line: Line,
    /// Dropped last: a signal ends the process only after the settings are restored.
    signals: SignalGuard,
}

impl HiddenInput {
    /// Opens the terminal, and switches off its echo and its line editing.
    ///
    /// # Errors
    /// Why it cannot be used; its settings are as before then.
    pub fn open() -> Result<Self, NoInput> {
        let (tty, settings) = open()?;
        let signals = defer_signals();
        let mut input = Self { tty, settings, is_hidden: false, line: Line::default(), signals };
        if input.hide() { Ok(input) } else { Err(NoInput::Taken) }
    }

    /// What has come since the last call; never blocks. To be called often: signals wait for it.
    ///
    /// # Errors
    /// `Interrupted` after a signal that ends the process: drop this, and it does.
    pub fn poll(&mut self) -> io::Result<Option<Input>> {
        self.signals.check()?;
        match self.is_usable() {
            Err(NoInput::Background) => return Ok(None),
            Err(_) => return Ok(Some(Input::Ended)),
            Ok(settings) if edits_and_echoes(&settings) => {
                // After a stop, or after a shell has taken the terminal in between.
                self.settings = settings;
                return Ok(self.hide().then_some(Input::Resumed));
            }
            // Another program's settings.
            Ok(_) if !self.is_hidden => return Ok(None),
            Ok(_) => {}
        }
        let mut bytes = Zeroizing::new([0; CHUNK]);
        loop {
            let length = match rustix::io::read(&self.tty, bytes.as_mut_slice()) {
                Ok(0) => return Ok(Some(Input::Ended)),
                Ok(length) => length,
                Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
                Err(_) => return Ok(Some(Input::Ended)),
            };
            for byte in bytes.iter().take(length) {
                if let Some(signal) = self.signal_of(*byte) {
                    self.restore();
                    self.line = Line::default();
                    // A group that no shell could resume is not stopped: the system ignores SIGTSTP there.
                    let _ = kill_current_process_group(signal);
                    return Ok(None);
                }
                match self.line.push(self.key_of(*byte)) {
                    // Enter alone is no answer.
                    Some(LineEvent::Complete(text)) if text.expose().trim().is_empty() => {}
                    Some(event) => return Ok(Some(self.answer(event))),
                    None => {}
                }
            }
        }
    }

    /// Writes to the terminal. A question that cannot be shown is not an error of its own: no answer comes.
    pub fn write(&self, text: &str) {
        write(&self.tty, text);
    }

    fn answer(&self, event: LineEvent) -> Input {
        // The rest of a paste that has several lines is no line of its own.
        let _ = tcflush(&self.tty, QueueSelector::IFlush);
        match event {
            LineEvent::Complete(text) => Input::Line(text),
            LineEvent::TooLong => Input::TooLong,
            LineEvent::End => Input::Ended,
        }
    }

    /// The signal that the terminal sends for this key.
    fn signal_of(&self, byte: u8) -> Option<Signal> {
        SIGNAL_KEYS.iter().find(|(code, _)| self.is_key(*code, byte)).map(|(_, signal)| *signal)
    }

    /// The byte that [`Line`] knows for this key.
    fn key_of(&self, byte: u8) -> u8 {
        if self.is_key(SpecialCodeIndex::VERASE, byte) {
            BACKSPACE
        } else if self.is_key(SpecialCodeIndex::VKILL, byte) {
            CTRL_U
        } else {
            byte
        }
    }

    fn is_key(&self, code: SpecialCodeIndex, byte: u8) -> bool {
        byte != NO_CHARACTER && self.settings.special_codes[code] == byte
    }

    /// The settings, while this process is in the foreground.
    fn is_usable(&self) -> Result<Termios, NoInput> {
        if !is_foreground(&self.tty)? {
            return Err(NoInput::Background);
        }
        tcgetattr(&self.tty).map_err(|_| NoInput::Ended)
    }

    fn hide(&mut self) -> bool {
        let mut hidden = self.settings.clone();
        hidden.local_modes.remove(
            LocalModes::ICANON
                | LocalModes::ECHO
                | LocalModes::ECHOE
                | LocalModes::ECHOK
                | LocalModes::ECHONL,
        );
        // Ctrl-V and Ctrl-O are no keys of a line either.
        hidden.local_modes.remove(LocalModes::IEXTEN);
        hidden.local_modes.insert(LocalModes::ISIG);
        for (code, value) in [
            (SpecialCodeIndex::VMIN, 1),
            (SpecialCodeIndex::VTIME, 0),
            #[cfg(target_vendor = "apple")]
            (SpecialCodeIndex::VDSUSP, NO_CHARACTER),
        ] {
            hidden.special_codes[code] = value;
        }
        for (code, _) in SIGNAL_KEYS {
            hidden.special_codes[*code] = NO_CHARACTER;
        }
        // What was typed before the question is no answer to it.
        self.is_hidden = tcsetattr(&self.tty, OptionalActions::Flush, &hidden).is_ok();
        self.is_hidden
    }

    fn restore(&mut self) {
        // A process in the background would be stopped; there the shell has made its own settings.
        if std::mem::take(&mut self.is_hidden) && is_foreground(&self.tty) == Ok(true) {
            // With what was not read: the rest of a paste must not become a shell's command.
            let _ = tcsetattr(&self.tty, OptionalActions::Flush, &self.settings);
        }
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Asks for a line that is shown while it is typed: a user name.
///
/// # Errors
/// Why there is no answer.
pub fn ask_line(ctx: &Context, prompt: &str) -> Result<String, NoInput> {
    let (tty, _) = open()?;
    write(&tty, prompt);
    let mut line = Vec::new();
    let mut bytes = [0; CHUNK];
    loop {
        // Stopped by Ctrl-Z and resumed, it may be in the background.
        if !is_foreground(&tty)? {
            ctx.clock.sleep(POLL);
            continue;
        }
        match rustix::io::read(&tty, &mut bytes) {
            Ok(0) => return Err(NoInput::Ended),
            Ok(length) => {
                line.extend(bytes.iter().take(length));
                if line.last() == Some(&b'\n') {
                    return Ok(String::from_utf8_lossy(&line).trim().to_owned());
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => ctx.clock.sleep(POLL),
            Err(_) => return Err(NoInput::Ended),
        }
        if line.len() > super::line::MAX_LINE {
            line.zeroize();
            return Err(NoInput::Ended);
        }
    }
}

/// The terminal and its settings, if it may be used. Reading it never blocks.
fn open() -> Result<(OwnedFd, Termios), NoInput> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let tty = rustix::fs::open(TERMINAL, flags, Mode::empty()).map_err(|_| NoInput::NoTerminal)?;
    if !is_foreground(&tty)? {
        return Err(NoInput::Background);
    }
    let settings = tcgetattr(&tty).map_err(|_| NoInput::NoTerminal)?;
    if edits_and_echoes(&settings) { Ok((tty, settings)) } else { Err(NoInput::Taken) }
}

fn is_foreground(tty: &OwnedFd) -> Result<bool, NoInput> {
    tcgetpgrp(tty).map(|group| group == getpgrp()).map_err(|_| NoInput::NoTerminal)
}

fn edits_and_echoes(settings: &Termios) -> bool {
    settings.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO)
}

fn write(tty: &OwnedFd, text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match rustix::io::write(tty, rest) {
            Ok(length) => rest = rest.get(length..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
