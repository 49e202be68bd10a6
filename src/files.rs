//! How files are opened, and why no FIFO and no device blocks the server. Where the server expects a
//! file, there may be a FIFO or a device. To open or to read one can take for ever. So the server first
//! looks whether it is a file, and refuses anything else. (What somebody puts there between the look
//! and the opening can still block the server, and so can a network disk that hangs.)
//!
//! An open file is not the same on Unix and on Windows. This chapter hides almost all of the difference
//! from the others:
//!
//! | | Unix | Windows |
//! | --- | --- | --- |
//! | what keeps another server out | a lock: it stops programs that lock too | the share mode: it stops all writers |
//! | which programs may move the open file | all | none |
//! | who makes each write go to the end | the system | the server; no other program can write |

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
#[cfg(windows)]
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;

/// What identifies a file, whatever its name is: its device and its inode.
#[cfg(unix)]
pub type Identity = (u64, u64);
/// On Windows it is the real path, after all links are followed. This is enough, since no other program
/// can move the open file.
#[cfg(windows)]
pub type Identity = std::path::PathBuf;

fn must_be_file(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(io::Error::other("it is not a file")) }
}

/// What is in a file of the class. A file of more than `most_bytes` is refused. Some files in `/proc`
/// have no end, and their metadata says that they have 0 bytes. So no more bytes are read than the
/// metadata says.
pub fn content(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    must_be_file(&metadata)?;
    let bytes = metadata.len();
    if bytes > most_bytes {
        return Err(io::Error::other(format!("it has {bytes} bytes, far too many")));
    }
    let mut content = Vec::new();
    File::open(path)?.take(bytes).read_to_end(&mut content)?;
    Ok(content)
}

/// Opens a file to read it.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    must_be_file(&fs::metadata(path)?)?;
    File::open(path)
}

/// Opens a file of lines to append to it. If there is none, it is created. On Unix only its owner can read
/// the new file, since it holds matriculas.
#[cfg(unix)]
pub fn open_log(path: &Path) -> io::Result<File> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => must_be_file(&metadata)?,
        _ => {} // no file yet: `open` makes one; a directory: `open` gives the error
    }
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// The same on Windows. While the file is open here, no other program can write to it, move it or
/// remove it. If another program has the file open for writing, or lets no other program write to it,
/// the error is `ResourceBusy`. `append` is not enough here: Windows cuts and syncs a file only if it
/// was opened with the full right to write, and `append` does not ask for that right.
#[cfg(windows)]
pub fn open_log(path: &Path) -> io::Result<File> {
    const FILE_SHARE_READ: u32 = 1;
    const ERROR_SHARING_VIOLATION: i32 = 32;
    if let Ok(metadata) = fs::metadata(path) {
        must_be_file(&metadata)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).share_mode(FILE_SHARE_READ);
    options.open(path).map_err(|error| match error.raw_os_error() {
        Some(ERROR_SHARING_VIOLATION) => io::Error::new(io::ErrorKind::ResourceBusy, error),
        _ => error,
    })
}

/// Returns a log whose next write goes to its end. On Unix the system sends each write there.
pub fn at_end(file: &mut File) -> io::Result<&mut File> {
    if cfg!(windows) {
        file.seek(SeekFrom::End(0))?; // no other program can move the end meanwhile
    }
    Ok(file)
}

/// Keeps every other server from a log. On Windows the share mode of [`open_log`] does so already. There a
/// lock would also keep `report` from reading.
pub fn lock(file: &File) -> Result<(), TryLockError> {
    if cfg!(windows) { Ok(()) } else { file.try_lock() }
}

/// The identity of the file with this path and this metadata.
#[cfg(unix)]
pub fn identity(_path: &Path, metadata: &Metadata) -> io::Result<Identity> {
    Ok((metadata.dev(), metadata.ino()))
}

/// The same on Windows.
#[cfg(windows)]
pub fn identity(path: &Path, _metadata: &Metadata) -> io::Result<Identity> {
    path.canonicalize()
}
