//! Reads of a program only what says which other files it needs.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use elf::abi;
use elf::dynamic::Dyn;
use elf::endian::AnyEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::parse::{ParseAt, ParsingTable};
use elf::segment::ProgramHeader;

/// Read at once: it holds the headers of nearly every program, and the interpreter's name.
const HEAD: usize = 4096;
/// How much of a script the kernel reads to find its first line.
const SCRIPT_HEAD: usize = 256;
/// The largest tables that are still believed; `execve` refuses more than 64 KiB of program headers itself.
const MAX_TABLE: u64 = 64 * 1024;
/// The longest name of a file, and the longest list of directories.
const MAX_TEXT: u64 = 16 * 1024;

/// What `execve` would make of a file.
#[derive(Debug)]
pub(super) enum Program {
    /// A script, and the interpreter that its first line names.
    Script(Vec<u8>),
    /// A program or a library.
    Elf(Object),
}

/// What an ELF file needs.
#[derive(Debug)]
pub(super) struct Object {
    pub machine: Machine,
    /// The dynamic loader's path.
    pub interpreter: Option<Vec<u8>>,
    /// Names of libraries, in the order in which they are loaded.
    pub needed: Vec<Vec<u8>>,
    /// The name under which the object itself satisfies others.
    pub soname: Option<Vec<u8>>,
    pub rpath: Option<Vec<u8>>,
    pub runpath: Option<Vec<u8>>,
}

/// What must be equal for two objects to be loaded into one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine {
    class: Class,
    little_endian: bool,
    code: u16,
}

impl Machine {
    /// Whether it is the one that this code runs on.
    pub fn is_native(self) -> bool {
        let native = if cfg!(target_arch = "aarch64") { abi::EM_AARCH64 } else { abi::EM_X86_64 };
        self.class == Class::ELF64
            && self.little_endian == cfg!(target_endian = "little")
            && self.code == native
    }

    /// Whether it is the 32-bit one that this kernel usually runs as well.
    pub fn is_compatible(self) -> bool {
        let compatible = if cfg!(target_arch = "aarch64") { abi::EM_ARM } else { abi::EM_386 };
        self.class == Class::ELF32 && self.little_endian && self.code == compatible
    }
}

/// Reads `path`, a file of the host; `None` if that fails or it is nothing that we understand.
pub(super) fn read(path: &Path) -> Option<Program> {
    let file = open(path)?;
    let head = read_upto(&file, 0, HEAD)?;
    match head.strip_prefix(b"#!") {
        Some(_) => script_interpreter(&head).map(Program::Script),
        None => Image { file, head }.object().map(Program::Elf),
    }
}

/// Opens a regular file.
pub(super) fn open(path: &Path) -> Option<File> {
    // Should a FIFO or a terminal have taken the file's place, it must neither block nor become ours.
    let file =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path).ok()?;
    file.metadata().ok()?.is_file().then_some(file)
}

/// The interpreter in a script's first line, by the rules of the kernel's `binfmt_script`.
fn script_interpreter(head: &[u8]) -> Option<Vec<u8>> {
    let head = head.get(..SCRIPT_HEAD).unwrap_or(head);
    let line = head.get(2..)?;
    let is_end = |byte: &u8| *byte == b'\n' || *byte == 0;
    let end = line.iter().position(is_end);
    let line = line.get(..end.unwrap_or(line.len()))?;
    let start = line.iter().position(|byte| !is_blank(*byte))?;
    let rest = line.get(start..)?;
    match rest.iter().position(|byte| is_blank(*byte)) {
        Some(end) => rest.get(..end).map(<[u8]>::to_vec),
        // The kernel does not run what may be the beginning of a longer name.
        None if end.is_none() && head.len() == SCRIPT_HEAD => None,
        None => Some(rest.to_vec()),
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// An ELF file with its first bytes.
struct Image {
    file: File,
    head: Vec<u8>,
}

impl Image {
    fn object(&self) -> Option<Object> {
        let ident = parse_ident::<AnyEndian>(self.head.get(..abi::EI_NIDENT)?).ok()?;
        let header = FileHeader::parse_tail(ident, self.head.get(abi::EI_NIDENT..)?).ok()?;
        let segments: Vec<ProgramHeader> = {
            let size = u64::from(header.e_phentsize) * u64::from(header.e_phnum);
            if size == 0 || usize::from(header.e_phentsize) != ProgramHeader::size_for(header.class) {
                return None;
            }
            let table = self.bytes(header.e_phoff, size, MAX_TABLE)?;
            ParsingTable::new(header.endianness, header.class, &table).iter().collect()
        };
        let mut object = Object {
            machine: Machine {
                class: header.class,
                little_endian: matches!(header.endianness, AnyEndian::Little),
                code: header.e_machine,
            },
            interpreter: None,
            needed: Vec::new(),
            soname: None,
            rpath: None,
            runpath: None,
        };
        if let Some(segment) = segments.iter().find(|segment| segment.p_type == abi::PT_INTERP) {
            let name = self.bytes(segment.p_offset, segment.p_filesz, MAX_TEXT)?;
            object.interpreter = Some(until_nul(&name)?.to_vec());
        }
        if let Some(segment) = segments.iter().find(|segment| segment.p_type == abi::PT_DYNAMIC) {
            let table = self.bytes(segment.p_offset, segment.p_filesz, MAX_TABLE)?;
            let table = ParsingTable::new(header.endianness, header.class, &table);
            self.read_dynamic(table, &segments, &mut object)?;
        }
        Some(object)
    }

    fn read_dynamic(
        &self,
        table: ParsingTable<'_, AnyEndian, Dyn>,
        segments: &[ProgramHeader],
        object: &mut Object,
    ) -> Option<()> {
        let entries: Vec<Dyn> = table.iter().take_while(|entry| entry.d_tag != abi::DT_NULL).collect();
        let value = |tag| entries.iter().find(|entry| entry.d_tag == tag).map(Dyn::d_val);
        let texts = [abi::DT_NEEDED, abi::DT_SONAME, abi::DT_RPATH, abi::DT_RUNPATH];
        if !entries.iter().any(|entry| texts.contains(&entry.d_tag)) {
            return Some(());
        }
        let strings = file_offset(segments, value(abi::DT_STRTAB)?)?;
        let size = value(abi::DT_STRSZ)?;
        let text = |offset: u64| self.text(strings.checked_add(offset)?, size.checked_sub(offset)?);
        let optional = |tag| value(tag).map_or(Some(None), |offset| text(offset).map(Some));
        object.soname = optional(abi::DT_SONAME)?;
        object.rpath = optional(abi::DT_RPATH)?;
        object.runpath = optional(abi::DT_RUNPATH)?;
        let needed = entries.iter().filter(|entry| entry.d_tag == abi::DT_NEEDED);
        object.needed = needed.map(|entry| text(entry.d_val())).collect::<Option<_>>()?;
        Some(())
    }

    /// `size` bytes at `offset`, if they are all there and no more than `most`.
    fn bytes(&self, offset: u64, size: u64, most: u64) -> Option<Vec<u8>> {
        if size > most {
            return None;
        }
        let (start, size) = (usize::try_from(offset).ok()?, usize::try_from(size).ok()?);
        if let Some(bytes) = self.head.get(start..start.checked_add(size)?) {
            return Some(bytes.to_vec());
        }
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }

    /// The string at `offset`, of which at most `size` bytes belong to the table.
    fn text(&self, offset: u64, size: u64) -> Option<Vec<u8>> {
        let size = usize::try_from(size.min(MAX_TEXT)).ok()?;
        // Nearly every name is short, and one read is enough.
        for attempt in [size.min(256), size] {
            let bytes = read_upto(&self.file, offset, attempt)?;
            if let Some(text) = until_nul(&bytes) {
                return Some(text.to_vec());
            }
        }
        None
    }
}

/// Where in the file an address of the running program comes from.
fn file_offset(segments: &[ProgramHeader], address: u64) -> Option<u64> {
    segments.iter().filter(|segment| segment.p_type == abi::PT_LOAD).find_map(|segment| {
        let inside = address.checked_sub(segment.p_vaddr)?;
        if inside < segment.p_filesz { segment.p_offset.checked_add(inside) } else { None }
    })
}

/// Up to `size` bytes at `offset`; fewer only at the end of the file.
pub(super) fn read_upto(file: &File, offset: u64, size: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; size];
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..)
        && !rest.is_empty()
    {
        match file.read_at(rest, offset.checked_add(read as u64)?) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    bytes.truncate(read);
    Some(bytes)
}

fn until_nul(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split_at_checked(bytes.iter().position(|byte| *byte == 0)?).map(|(text, _)| text)
}
