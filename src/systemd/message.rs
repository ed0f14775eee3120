//! D-Bus messages: a header of 16 bytes and fields, then a body.

use super::refused::Why;
use super::wire::{Reader, Writer};

/// What is before a message's fields, with the length of these.
pub const FIXED: usize = 16;

/// D-Bus allows 128 MiB. What systemd has to tell us is far less than this.
const LONGEST: usize = 1 << 20;

const METHOD_CALL: u8 = 1;
const NO_REPLY_EXPECTED: u8 = 1;
const VERSION: u8 = 1;

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The answer to a call.
    Return,
    /// The other answer to a call.
    Error,
    /// What is told to whoever listens.
    Signal,
    /// A call, or what future versions of D-Bus have.
    Other,
}

/// A message to be sent: a method call.
#[derive(Default)]
pub struct Call<'a> {
    /// Who: `org.freedesktop.systemd1`.
    pub destination: &'a str,
    /// Which of its objects.
    pub path: &'a str,
    /// Which of the object's interfaces.
    pub interface: &'a str,
    /// Which of its methods.
    pub member: &'a str,
    /// The types of what is in the body.
    pub signature: &'a str,
    /// The arguments.
    pub body: Writer,
    /// Nobody will wait for the answer.
    pub silent: bool,
}

impl Call<'_> {
    /// The bytes of it.
    pub fn encode(self, serial: u32) -> Result<Vec<u8>, Why> {
        let flags = if self.silent { NO_REPLY_EXPECTED } else { 0 };
        let body = self.body.finish()?;
        let mut to = Writer::default();
        to.raw(&[b'l', METHOD_CALL, flags, VERSION]);
        to.u32(body.len() as u32);
        to.u32(serial);
        to.array(8, |to| {
            field(to, 1, "o", self.path);
            field(to, 2, "s", self.interface);
            field(to, 3, "s", self.member);
            field(to, 6, "s", self.destination);
            if !self.signature.is_empty() {
                to.align(8);
                to.raw(&[8, 1, b'g', 0]);
                to.signature(self.signature);
            }
        });
        to.align(8);
        to.raw(&body);
        let bytes = to.finish()?;
        if bytes.len() > LONGEST { Err(Why::Malformed("a message that is too long")) } else { Ok(bytes) }
    }
}

/// A field of a header: a structure of its number and a variant.
pub fn field(to: &mut Writer, number: u8, signature: &str, value: &str) {
    to.align(8);
    to.u8(number);
    to.signature(signature);
    to.string(value);
}

/// A message that was received.
#[derive(Debug)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// Its number, among the sender's: for those who answer.
    #[cfg(test)]
    pub serial: u32,
    /// The number of the call that it answers, else 0.
    pub reply_to: u32,
    /// Who sent it, in the words of the bus. Without a bus there is nobody else.
    pub sender: String,
    /// The object that it is about.
    pub path: String,
    /// The interface that it is about.
    pub interface: String,
    /// The method or the signal.
    pub member: String,
    /// The error's name.
    pub error: String,
    /// The types of what is in the body.
    pub signature: String,
    big_endian: bool,
    body: Vec<u8>,
}

impl Message {
    /// How long a message is that starts with these [`FIXED`] bytes.
    pub fn length(start: &[u8]) -> Result<usize, Why> {
        let mut from = Reader::new(start, is_big_endian(start)?);
        let _ = from.u32()?;
        let body = from.u32()? as usize;
        let _ = from.u32()?;
        let fields = from.u32()? as usize;
        let length = FIXED.saturating_add(fields).next_multiple_of(8).saturating_add(body);
        if length > LONGEST { Err(Why::Malformed("a message that is too long")) } else { Ok(length) }
    }

    /// From all of its bytes.
    pub fn parse(bytes: &[u8]) -> Result<Message, Why> {
        if Message::length(bytes)? != bytes.len() {
            return Err(Why::Malformed("a message of another length than it says"));
        }
        let big_endian = is_big_endian(bytes)?;
        let mut from = Reader::new(bytes, big_endian);
        let _ = from.u8()?;
        let kind = match from.u8()? {
            0 => return Err(Why::Malformed("a message of no kind")),
            2 => Kind::Return,
            3 => Kind::Error,
            4 => Kind::Signal,
            _ => Kind::Other,
        };
        let _flags = from.u8()?;
        if from.u8()? != VERSION {
            return Err(Why::Malformed("a message of another version of D-Bus"));
        }
        let body = from.u32()? as usize;
        let serial = from.u32()?;
        if serial == 0 {
            return Err(Why::Malformed("a message without a number"));
        }
        let empty = String::new;
        let mut message = Message {
            kind,
            #[cfg(test)]
            serial,
            reply_to: 0,
            sender: empty(),
            path: empty(),
            interface: empty(),
            member: empty(),
            error: empty(),
            signature: empty(),
            big_endian,
            body: bytes.get(bytes.len().saturating_sub(body)..).unwrap_or(&[]).to_vec(),
        };
        from.array(8, |from| message.read_field(from))?;
        Ok(message)
    }

    fn read_field(&mut self, from: &mut Reader) -> Result<(), Why> {
        from.align(8)?;
        let number = from.u8()?;
        let signature = from.signature()?;
        let text = match (number, signature) {
            (1, "o") => &mut self.path,
            (2, "s") => &mut self.interface,
            (3, "s") => &mut self.member,
            (4, "s") => &mut self.error,
            (7, "s") => &mut self.sender,
            (5, "u") => {
                self.reply_to = from.u32()?;
                return Ok(());
            }
            (8, "g") => {
                self.signature = from.signature()?.to_owned();
                return Ok(());
            }
            // What is not for us, and what later versions of D-Bus have.
            _ => return from.skip_basic(signature),
        };
        *text = from.string()?.to_owned();
        Ok(())
    }

    /// The body, if it has these types.
    pub fn body(&self, signature: &str) -> Result<Reader<'_>, Why> {
        if self.signature == signature {
            Ok(Reader::new(&self.body, self.big_endian))
        } else {
            Err(Why::Malformed("an answer of other types than documented"))
        }
    }

    /// The text of an error: by convention the first argument, if that is a string.
    pub fn first_string(&self) -> &str {
        let mut from = Reader::new(&self.body, self.big_endian);
        if self.signature.starts_with('s') { from.string().unwrap_or("") } else { "" }
    }
}

fn is_big_endian(start: &[u8]) -> Result<bool, Why> {
    match start.first() {
        Some(b'l') => Ok(false),
        Some(b'B') => Ok(true),
        _ => Err(Why::Malformed("something that is not a D-Bus message")),
    }
}
