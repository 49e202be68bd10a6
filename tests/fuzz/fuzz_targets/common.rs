//! What the targets share.
#![allow(dead_code)] // each target uses a part

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;
use udpsocket_jwt_server::received::Disk;

/// What people are shown can't drive their terminal, whatever a datagram or a file held.
pub fn assert_printable(text: &str) {
    assert!(!text.is_empty(), "nothing is said");
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "not printable ASCII: {text:?}");
}

/// How a disk fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// An append fails after so many halves of its bytes, at the latest before the last byte.
    pub append: Option<usize>,
    /// The file has lost its name.
    pub moved: bool,
    /// It loses its name at the next sync.
    pub moves: bool,
    /// So many syncs fail.
    pub syncs: u8,
    /// A sync that fails has done its work all the same.
    pub sync_works: bool,
    /// Every cut fails.
    pub cut: bool,
}

/// A file on a disk, in memory.
#[derive(Default)]
pub struct Platter {
    /// What a read finds.
    pub file: Vec<u8>,
    /// What is there after the machine went down.
    pub durable: Vec<u8>,
    /// What the last append was to write.
    pub attempted: Vec<u8>,
    /// How it fails from here on.
    pub failures: Failures,
    /// Most bytes of one read; 0: any number.
    pub most_read: usize,
    position: usize,
    /// A write came halfway: the next one says why.
    fails_next: bool,
}

/// A file as the server holds it: clones are the same file.
#[derive(Clone, Default)]
pub struct Memory(pub Rc<RefCell<Platter>>);

impl Memory {
    /// A file of these bytes, all of them on the disk, to be read from the beginning.
    pub fn of(bytes: &[u8]) -> Self {
        let memory = Self::default();
        memory.restart(bytes);
        memory
    }

    /// The machine starts again, with this left of the file, and the disk mended.
    pub fn restart(&self, left: &[u8]) {
        let most_read = self.0.borrow().most_read;
        let [file, durable] = [left.to_vec(), left.to_vec()];
        *self.0.borrow_mut() = Platter { file, durable, most_read, ..Platter::default() };
    }

    pub fn file(&self) -> Vec<u8> {
        self.0.borrow().file.clone()
    }
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut platter = self.0.borrow_mut();
        let most = if platter.most_read == 0 { buffer.len() } else { platter.most_read.min(buffer.len()) };
        let read = (&platter.file[platter.position..]).read(&mut buffer[..most])?;
        platter.position += read;
        Ok(read)
    }
}

impl Disk for Memory {
    fn length(&mut self) -> io::Result<Option<u64>> {
        let platter = self.0.borrow();
        Ok((!platter.failures.moved).then_some(platter.file.len() as u64))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut platter = self.0.borrow_mut();
        let full = || io::Error::other("the disk is full");
        if std::mem::take(&mut platter.fails_next) {
            return Err(full());
        }
        platter.attempted = bytes.to_vec();
        let written = match platter.failures.append {
            None => bytes.len(),
            Some(halves) => (bytes.len() * halves / 2).min(bytes.len() - 1),
        };
        platter.file.extend(&bytes[..written]);
        platter.fails_next = 0 < written && written < bytes.len();
        if written == 0 { Err(full()) } else { Ok(written) }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut platter = self.0.borrow_mut();
        assert!(length <= platter.file.len() as u64, "a cut that lengthens the file");
        if platter.failures.cut {
            return Err(io::Error::other("the disk is read-only"));
        }
        assert!(!platter.failures.moved, "a cut of a file without its name");
        platter.file.truncate(length as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut platter = self.0.borrow_mut();
        platter.failures.moved |= std::mem::take(&mut platter.failures.moves);
        let fails = platter.failures.syncs > 0;
        if !fails || platter.failures.sync_works {
            platter.durable = platter.file.clone();
        }
        platter.failures.syncs -= u8::from(fails);
        if fails { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
    }
}
