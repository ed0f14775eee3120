//! The other side of a connection, as a thread that does what a test tells it to.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use super::super::address::Route;
use super::super::message::{FIXED, Message, field};
use super::super::refused::Refused;
use super::super::wire::Writer;
use super::super::{MANAGER, MANAGER_PATH, Systemd};
use super::Scratch;

/// Longer than any of this takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// systemd's name on the fake bus.
pub const OWNER: &str = ":1.1";

pub const RETURN: u8 = 2;
pub const ERROR: u8 = 3;
pub const SIGNAL: u8 = 4;

/// A message from the other side: fields as (number, type, value), the call that it answers, and a body.
pub fn message(
    kind: u8,
    fields: &[(u8, &str, &str)],
    reply_to: u32,
    signature: &str,
    body: Writer,
) -> Vec<u8> {
    let body = body.finish().unwrap();
    let mut to = Writer::default();
    to.raw(&[b'l', kind, 1, 1]);
    to.u32(body.len() as u32);
    to.u32(77);
    to.array(8, |to| {
        // An empty field is one that is left to the bus.
        for (number, signature, value) in fields.iter().filter(|(.., value)| !value.is_empty()) {
            field(to, *number, signature, value);
        }
        if reply_to != 0 {
            to.align(8);
            to.raw(&[5, 1, b'u', 0]);
            to.u32(reply_to);
        }
        to.align(8);
        to.raw(&[8, 1, b'g', 0]);
        to.signature(signature);
    });
    to.align(8);
    to.raw(&body);
    to.finish().unwrap()
}

/// JobRemoved.
pub fn job_removed(sender: &str, job: &str, unit: &str, result: &str) -> Vec<u8> {
    let mut body = Writer::default();
    body.u32(1);
    [job, unit, result].iter().for_each(|text| body.string(text));
    let fields = [(1, "o", MANAGER_PATH), (2, "s", MANAGER), (3, "s", "JobRemoved"), (7, "s", sender)];
    message(SIGNAL, &fields, 0, "uoss", body)
}

pub struct Peer {
    stream: UnixStream,
}

impl Peer {
    /// The server's part of authentication.
    pub fn welcome(stream: UnixStream) -> Peer {
        Peer::welcome_with(stream, b"DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n")
    }

    /// Like systemd, it must have everything before it answers, and no message in the same piece.
    pub fn welcome_with(mut stream: UnixStream, answers: &[u8]) -> Peer {
        let mut piece = [0; 100];
        let length = stream.read(&mut piece).unwrap();
        assert_eq!(&piece[..length], b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n");
        stream.write_all(answers).unwrap();
        Peer { stream }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The next call, or `None` once the client is gone.
    pub fn next(&mut self) -> Option<Message> {
        self.next_bytes().map(|bytes| Message::parse(&bytes).unwrap())
    }

    /// The same as it came.
    pub fn next_bytes(&mut self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; FIXED];
        self.stream.read_exact(&mut bytes).ok()?;
        bytes.resize(Message::length(&bytes).unwrap(), 0);
        self.stream.read_exact(&mut bytes[FIXED..]).ok()?;
        Some(bytes)
    }

    /// Answer with one string, or an object path.
    pub fn answer(&mut self, call: &Message, signature: &str, text: &str) {
        let mut body = Writer::default();
        if !signature.is_empty() {
            body.string(text);
        }
        self.write(&message(RETURN, &[(7, "s", OWNER)], call.serial, signature, body));
    }

    pub fn refuse(&mut self, call: &Message, error: &str, text: &str) {
        let mut body = Writer::default();
        body.string(text);
        self.write(&message(ERROR, &[(4, "s", error), (7, "s", OWNER)], call.serial, "s", body));
    }

    /// Answer what comes before and after; `otherwise` is for the rest. Returns the names of all calls.
    pub fn serve(mut self, mut otherwise: impl FnMut(&mut Peer, &Message)) -> Vec<String> {
        let mut log = Vec::new();
        while let Some(call) = self.next() {
            match call.member.as_str() {
                "Hello" | "GetNameOwner" => self.answer(&call, "s", OWNER),
                "AddMatch" | "Subscribe" => self.answer(&call, "", ""),
                "RemoveMatch" | "Unsubscribe" => {}
                _ => otherwise(&mut self, &call),
            }
            log.push(call.member);
        }
        log
    }
}

/// A listening socket and what is behind it.
pub struct Fake<T> {
    pub path: PathBuf,
    pub thread: JoinHandle<T>,
    _scratch: Scratch,
}

/// Behind a socket, for one connection, `script`.
pub fn behind<T: Send + 'static>(script: impl FnOnce(UnixStream) -> T + Send + 'static) -> Fake<T> {
    let scratch = Scratch::new();
    let path = scratch.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let thread = std::thread::spawn(move || script(listener.accept().unwrap().0));
    Fake { path, thread, _scratch: scratch }
}

impl<T> Fake<T> {
    pub fn route(&self, bus: bool) -> Route {
        Route { bus, ..Route::private(&self.path) }
    }

    pub fn connect(&self, bus: bool, patience: Duration) -> Result<Systemd, Refused> {
        Systemd::by(&[self.route(bus)], patience)
    }
}
