//! A connection: a socket, authentication, messages in and out. Nothing here waits for longer than its deadline.

use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, send, socket};

use super::address::Address;
use super::message::{Call, FIXED, Kind, Message};
use super::refused::Why;
use crate::sys;

/// A server's line is `OK` and 32 digits. D-Bus sets no limit.
const LONGEST_LINE: usize = 1 << 12;

/// When waiting ends.
#[derive(Clone, Copy)]
pub struct Deadline {
    /// `None` is later than clocks can say.
    at: Option<Instant>,
    patience: Duration,
}

impl Deadline {
    /// In this time.
    pub fn after(patience: Duration) -> Deadline {
        Deadline { at: Instant::now().checked_add(patience), patience }
    }

    /// What is left: never zero, which socket options take for "forever".
    pub fn left(&self) -> Result<Duration, Why> {
        let left = self.at.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
        if left.is_zero() { Err(Why::Late(self.patience)) } else { Ok(left) }
    }
}

/// A connection to a bus, or to systemd itself.
pub struct Connection {
    stream: UnixStream,
    /// What was received and is not a whole message yet: it outlives a deadline.
    inbox: Vec<u8>,
    serial: u32,
    /// A message was sent or received in part, and nobody knows where the next begins.
    torn: bool,
}

impl Connection {
    /// Connect, and show who we are.
    pub fn open(address: &Address, deadline: Deadline) -> Result<Connection, Why> {
        let stream = connected(address, deadline)?;
        let mut connection = Connection { stream, inbox: Vec::new(), serial: 0, torn: false };
        connection.authenticate(deadline)?;
        Ok(connection)
    }

    /// Call a method and wait for its answer. Signals that come before it go to `heard`.
    pub fn call(
        &mut self,
        call: Call,
        deadline: Deadline,
        mut heard: impl FnMut(&Message),
    ) -> Result<Message, Why> {
        let serial = self.send(call, deadline)?;
        loop {
            let message = self.receive(deadline)?;
            match message.kind {
                Kind::Return if message.reply_to == serial => return Ok(message),
                Kind::Error if message.reply_to == serial => {
                    let text = message.first_string().to_owned();
                    return Err(Why::Bus { name: message.error, message: text });
                }
                Kind::Signal => heard(&message),
                // The answer to a call that was given up, or somebody's call: nobody should call us.
                Kind::Return | Kind::Error | Kind::Other => {}
            }
        }
    }

    /// Call a method and do not wait. Returns the call's number.
    pub fn send(&mut self, call: Call, deadline: Deadline) -> Result<u32, Why> {
        // Zero is not a number of a message.
        self.serial = self.serial.checked_add(1).unwrap_or(1);
        let bytes = call.encode(self.serial)?;
        self.write(&bytes, deadline)?;
        Ok(self.serial)
    }

    /// The next message.
    pub fn receive(&mut self, deadline: Deadline) -> Result<Message, Why> {
        let message = self.next_message(deadline);
        self.torn |= matches!(message, Err(Why::Malformed(_)));
        message
    }

    fn next_message(&mut self, deadline: Deadline) -> Result<Message, Why> {
        // Also when there is enough in the inbox: somebody who sends faster than we read must not keep us here.
        deadline.left()?;
        let start = self.at_least(FIXED, deadline)?;
        let length = Message::length(start)?;
        let message = Message::parse(self.at_least(length, deadline)?)?;
        self.inbox.drain(..length);
        Ok(message)
    }

    /// SASL with the mechanism EXTERNAL: the kernel tells the server who we are. We do not say it ourselves, as in a
    /// user namespace our number would not be the server's.
    ///
    /// All at once, and messages only after the answers: when systemd reads `BEGIN` and a message in one piece, it
    /// leaves the message lying until the next one comes (seen with 252, on its private socket).
    fn authenticate(&mut self, deadline: Deadline) -> Result<(), Why> {
        self.write(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n", deadline)?;
        let is_ok = |answer: &str| answer == "OK" || answer.starts_with("OK ");
        let to_auth = self.line(deadline)?;
        let knows_us_already = is_ok(&to_auth);
        if !knows_us_already && to_auth.trim_end() != "DATA" {
            return Err(Why::Unauthenticated(to_auth));
        }
        // Who knows us already, as systemd before 246, has no use for our DATA, but answers it.
        let to_data = self.line(deadline)?;
        if knows_us_already || is_ok(&to_data) { Ok(()) } else { Err(Why::Unauthenticated(to_data)) }
    }

    fn line(&mut self, deadline: Deadline) -> Result<String, Why> {
        loop {
            if let Some(end) = self.inbox.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.inbox.drain(..end).collect();
                self.inbox.drain(..2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if self.inbox.len() > LONGEST_LINE {
                return Err(Why::Malformed("an endless line instead of authentication"));
            }
            self.fill(deadline)?;
        }
    }

    /// That many bytes of the inbox, once they are there.
    fn at_least(&mut self, length: usize, deadline: Deadline) -> Result<&[u8], Why> {
        while self.inbox.len() < length {
            self.fill(deadline)?;
        }
        Ok(self.inbox.get(..length).unwrap_or(&[]))
    }

    fn fill(&mut self, deadline: Deadline) -> Result<(), Why> {
        let mut buffer = [0; 4096];
        loop {
            self.stream.set_read_timeout(Some(deadline.left()?))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(length) => {
                    self.inbox.extend(buffer.iter().take(length));
                    return Ok(());
                }
                Err(error) if is_to_be_repeated(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Why> {
        if self.torn {
            return Err(io::Error::from(io::ErrorKind::NotConnected).into());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = self.write_some(rest, deadline);
            self.torn = written.is_err();
            rest = rest.get(written?..).unwrap_or(&[]);
        }
        Ok(())
    }

    /// Not with `Write`: a server that hangs up would send us a SIGPIPE.
    fn write_some(&self, bytes: &[u8], deadline: Deadline) -> Result<usize, Why> {
        loop {
            self.stream.set_write_timeout(Some(deadline.left()?))?;
            match send(self.stream.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL).map_err(io::Error::from) {
                Ok(written) => return Ok(written),
                Err(error) if is_to_be_repeated(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A signal came, or the time given is over: then the deadline says so.
fn is_to_be_repeated(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

/// A connected socket. The standard library would wait without end while a server does not accept connections.
fn connected(address: &Address, deadline: Deadline) -> Result<UnixStream, Why> {
    let address = match address {
        Address::Path(path) => UnixAddr::new(path),
        Address::Abstract(name) => UnixAddr::new_abstract(name),
    };
    let address = address.map_err(io::Error::from)?;
    let made = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    // Away from the numbers that a child gives to a command.
    let socket: OwnedFd = sys::duplicate(made.map_err(io::Error::from)?.as_raw_fd())?;
    let stream = UnixStream::from(socket);
    loop {
        // This time is also connect(2)'s.
        stream.set_write_timeout(Some(deadline.left()?))?;
        match connect(stream.as_raw_fd(), &address) {
            Ok(()) => return Ok(stream),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(errno) => return Err(io::Error::from(errno).into()),
        }
    }
}
