//! How files are opened, so that no file can block the server. A FIFO or a device may have the name of a
//! file. To open it or to read it may take for ever. So if something is not a file, it is refused first.
//!
//! What differs between Unix and Windows in a file is in this chapter:
//!
//! | | Unix | Windows |
//! | --- | --- | --- |
//! | keeps another server out | a lock, which binds only who asks for it | the share mode, which binds everyone |
//! | may move the open file | anyone | nobody |
//! | appends | the system | the server, which alone may write |

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
#[cfg(windows)]
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;

/// What tells a file from any other file, under any name. On Unix it is the device and the inode. On
/// Windows it is the path without links, since nobody else can move the open file.
#[cfg(unix)]
pub type Identity = (u64, u64);
#[cfg(windows)]
#[expect(missing_docs)]
pub type Identity = std::path::PathBuf;

fn must_be_file(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(io::Error::other("it is not a file")) }
}

/// What is in a file of the class. A file of more than `most_bytes` is refused. The metadata of a file in
/// `/proc` says that it has no bytes, and such a file may have no end. So at most as many bytes are read
/// as the metadata says.
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
        _ => {} // there is no file yet, or the call below says what is wrong
    }
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// The same on Windows. Nobody else may write to the file, move it or remove it while it is open here. If
/// another program already has it open and may write to it, or bars writers, the error is `ResourceBusy`.
/// A file that is opened with `append` cannot be cut or synced: both calls need the right to write.
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

/// A log, of which the next write goes to the end. On Unix each write goes there.
pub fn at_end(file: &mut File) -> io::Result<&mut File> {
    if cfg!(windows) {
        file.seek(SeekFrom::End(0))?; // nobody else can make the file longer meanwhile
    }
    Ok(file)
}

/// Keeps every other server from a log. On Windows, [`open_log`] has done so. A lock would also keep
/// `report` from reading there.
pub fn lock(file: &File) -> Result<(), TryLockError> {
    if cfg!(windows) { Ok(()) } else { file.try_lock() }
}

/// The identity of a file that has this name, and of which this is known.
#[cfg(unix)]
pub fn identity(_path: &Path, metadata: &Metadata) -> io::Result<Identity> {
    Ok((metadata.dev(), metadata.ino()))
}

/// The same on Windows.
#[cfg(windows)]
pub fn identity(path: &Path, _metadata: &Metadata) -> io::Result<Identity> {
    path.canonicalize()
}
