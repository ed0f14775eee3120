//! Numbers as text, without an allocator.

/// A NUL-terminated decimal number.
pub(crate) fn number(text: &[u8]) -> Option<usize> {
    let mut value: usize = 0;
    for (position, &byte) in text.iter().enumerate() {
        match byte {
            0 => return if position > 0 { Some(value) } else { None },
            b'0'..=b'9' => value = value.wrapping_mul(10).wrapping_add((byte & 0x0f) as usize),
            _ => return None,
        }
    }
    None
}

/// Write `value` as a NUL-terminated decimal number.
pub(crate) fn decimal(mut value: usize, to: &mut [u8; 16]) {
    let mut digits = [0u8; 16];
    let mut count = 0usize;
    for place in digits.iter_mut() {
        *place = b'0'.wrapping_add((value % 10) as u8);
        value /= 10;
        count = count.wrapping_add(1);
        if value == 0 {
            break;
        }
    }
    *to = [0; 16];
    for (place, digit) in to.iter_mut().zip(digits.iter().take(count).rev()) {
        *place = *digit;
    }
}

/// Room for what `FSCONFIG_SET_STRING` takes: 256 bytes with the NUL.
pub(crate) struct PathBuffer {
    bytes: [u8; 257],
    length: usize,
}

impl PathBuffer {
    pub(crate) fn new() -> Self {
        PathBuffer { bytes: [0; 257], length: 0 }
    }

    /// What does not fit makes the value too long for the kernel, which then refuses it.
    pub(crate) fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length)
            && self.length < 256
        {
            *place = byte;
            self.length = self.length.wrapping_add(1);
        }
    }

    pub(crate) fn push_fd(&mut self, fd: usize) {
        let mut digits = [0u8; 16];
        decimal(fd, &mut digits);
        for &byte in b"/proc/self/fd/".iter().chain(digits.iter().take_while(|&&digit| digit != 0)) {
            self.push(byte);
        }
    }

    pub(crate) fn as_ptr(&self) -> usize {
        self.bytes.as_ptr() as usize
    }
}
