//! D-Bus marshalling: values are aligned to their own size, counted from the start of the message. A header's fields
//! and a body both start at a multiple of 8, so that each can be built and read for itself.

use super::refused::Why;

type Read<T> = Result<T, Why>;

/// Builds little-endian bytes.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// A string had a NUL inside, which D-Bus cannot say.
    broken: bool,
}

impl Writer {
    /// Zeros up to the next multiple of `size`.
    pub fn align(&mut self, size: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(size), 0);
    }

    /// BYTE.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// UINT32.
    pub fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes.extend(value.to_le_bytes());
    }

    /// STRING and OBJECT_PATH. Its length fits: [`super::message`] sends no message that is too long for 32 bits.
    pub fn string(&mut self, value: &str) {
        self.u32(value.len() as u32);
        self.terminated(value);
    }

    /// SIGNATURE.
    pub fn signature(&mut self, value: &str) {
        self.u8(value.len() as u8);
        self.terminated(value);
    }

    fn terminated(&mut self, value: &str) {
        self.broken |= value.contains('\0');
        self.bytes.extend(value.as_bytes());
        self.bytes.push(0);
    }

    /// ARRAY of what `elements` writes. Its length does not count the padding before the first element.
    pub fn array(&mut self, alignment: usize, elements: impl FnOnce(&mut Writer)) {
        self.u32(0);
        let length_ends = self.bytes.len();
        self.align(alignment);
        let start = self.bytes.len();
        elements(self);
        let length = self.bytes.len().saturating_sub(start) as u32;
        if let Some(place) = self.bytes.get_mut(length_ends.saturating_sub(4)..length_ends) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }

    /// Bytes that are marshalled already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// What has been built.
    pub fn finish(self) -> Read<Vec<u8>> {
        if self.broken { Err(Why::Malformed("a string with a NUL inside")) } else { Ok(self.bytes) }
    }
}

/// Reads what somebody else has built: every length is checked before it is believed.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl<'a> Reader<'a> {
    /// From the start of a message or of a body.
    pub fn new(bytes: &'a [u8], big_endian: bool) -> Reader<'a> {
        Reader { bytes, at: 0, big_endian }
    }

    /// Go on at the next multiple of `size`.
    pub fn align(&mut self, size: usize) -> Read<()> {
        let padding = self.at.next_multiple_of(size).saturating_sub(self.at);
        self.take(padding).map(|_| ())
    }

    /// BYTE.
    pub fn u8(&mut self) -> Read<u8> {
        self.number().map(|[byte]: [u8; 1]| byte)
    }

    /// UINT32.
    pub fn u32(&mut self) -> Read<u32> {
        let bytes = self.number()?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// STRING and OBJECT_PATH.
    pub fn string(&mut self) -> Read<&'a str> {
        let length = self.u32()?;
        self.terminated(length as usize)
    }

    /// SIGNATURE.
    pub fn signature(&mut self) -> Read<&'a str> {
        let length = self.u8()?;
        self.terminated(length.into())
    }

    fn terminated(&mut self, length: usize) -> Read<&'a str> {
        let text = self.take(length)?;
        match self.u8()? {
            0 if !text.contains(&0) => {
                std::str::from_utf8(text).map_err(|_| Why::Malformed("a string that is not UTF-8"))
            }
            _ => Err(Why::Malformed("a string that does not end at its NUL")),
        }
    }

    /// ARRAY: `element` reads one.
    pub fn array<T>(
        &mut self,
        alignment: usize,
        mut element: impl FnMut(&mut Reader<'a>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let length = self.u32()? as usize;
        self.align(alignment)?;
        let end = self.at.saturating_add(length);
        if end > self.bytes.len() {
            return Err(Why::Malformed("an array that is longer than its message"));
        }
        let mut elements = Vec::new();
        while self.at < end {
            elements.push(element(self)?);
        }
        if self.at == end {
            Ok(elements)
        } else {
            Err(Why::Malformed("an array that ends inside an element"))
        }
    }

    /// VARIANT of a basic type, to be passed over.
    pub fn skip_basic(&mut self, signature: &str) -> Read<()> {
        match signature {
            "y" => self.u8().map(drop),
            "n" | "q" => self.number().map(|_: [u8; 2]| ()),
            "b" | "i" | "u" | "h" => self.u32().map(drop),
            "x" | "t" | "d" => self.number().map(|_: [u8; 8]| ()),
            "s" | "o" => self.string().map(drop),
            "g" => self.signature().map(drop),
            _ => Err(Why::Malformed("a header field of a type that no header field has")),
        }
    }

    /// As many aligned bytes as a number has.
    fn number<const SIZE: usize>(&mut self) -> Read<[u8; SIZE]> {
        self.align(SIZE)?;
        self.take(SIZE)?.try_into().map_err(|_| Why::Malformed("a message that ends early"))
    }

    fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let end = self.at.saturating_add(length);
        let taken = self.bytes.get(self.at..end).ok_or(Why::Malformed("a message that ends early"))?;
        self.at = end;
        Ok(taken)
    }
}
