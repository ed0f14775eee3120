//! ELF files as small as they can be.

const NATIVE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// A small ELF file: one loaded segment, an interpreter, a dynamic section.
#[derive(Default)]
pub struct Elf<'e> {
    pub machine: Option<u16>,
    pub interpreter: Option<&'e str>,
    pub needed: &'e [&'e str],
    pub soname: Option<&'e str>,
    pub rpath: Option<&'e str>,
    pub runpath: Option<&'e str>,
    /// Bytes between the headers and what they describe.
    pub padding: usize,
}

impl Elf<'_> {
    pub fn bytes(&self) -> Vec<u8> {
        const HEADERS: usize = 64 + 3 * 56;
        let mut strings = vec![0];
        let mut dynamic: Vec<(u64, u64)> = Vec::new();
        let texts = self.needed.iter().map(|name| (1, *name));
        let texts = texts.chain(self.soname.map(|name| (14, name))).chain(self.rpath.map(|path| (15, path)));
        for (tag, text) in texts.chain(self.runpath.map(|path| (29, path))) {
            dynamic.push((tag, strings.len() as u64));
            strings.extend(text.as_bytes());
            strings.push(0);
        }
        let interpreter_at = HEADERS + self.padding;
        let interpreter = self.interpreter.map(|path| [path.as_bytes(), b"\0"].concat()).unwrap_or_default();
        let strings_at = interpreter_at + interpreter.len();
        let dynamic_at = strings_at + strings.len();
        let base = 0x40_0000;
        dynamic.extend([(5, base + strings_at as u64), (10, strings.len() as u64), (0, 0)]);
        let size = dynamic_at + dynamic.len() * 16;

        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend([3_u16, self.machine.unwrap_or(NATIVE)].map(u16::to_le_bytes).concat());
        file.extend(1_u32.to_le_bytes());
        file.extend([0_u64, 64, 0].map(u64::to_le_bytes).concat());
        file.extend(0_u32.to_le_bytes());
        file.extend([64_u16, 56, 3, 0, 0, 0].map(u16::to_le_bytes).concat());
        let interpreter_type = if interpreter.is_empty() { 0 } else { 3 };
        let segments = [
            (1_u32, 0, size),
            (interpreter_type, interpreter_at, interpreter.len()),
            (2, dynamic_at, dynamic.len() * 16),
        ];
        for (kind, offset, length) in segments {
            file.extend([kind, 5].map(u32::to_le_bytes).concat());
            let (offset, length) = (offset as u64, length as u64);
            file.extend(
                [offset, base + offset, base + offset, length, length, 8].map(u64::to_le_bytes).concat(),
            );
        }
        file.resize(interpreter_at, 0);
        file.extend(interpreter);
        file.extend(strings);
        file.extend(dynamic.into_iter().flat_map(|(tag, value)| [tag, value]).flat_map(u64::to_le_bytes));
        file
    }
}
