//! How files are opened, so that no file can block the server. A FIFO or a device may have the name of a
//! file. To open it or to read it may take for ever. So if something is not a file, it is refused first.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::Path;

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
pub fn open_log(path: &Path) -> io::Result<File> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => must_be_file(&metadata)?,
        _ => {} // there is no file yet, or the call below says what is wrong
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    #[cfg(windows)] // nobody else may move it while it is open
    std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 1);
    options.open(path)
}

/// Device and inode. Two names are names of the same file if these are the same. On other systems than
/// Unix they are always 0, and say nothing.
pub fn identity(#[cfg_attr(not(unix), expect(unused))] metadata: &Metadata) -> (u64, u64) {
    #[cfg(unix)]
    return (MetadataExt::dev(metadata), MetadataExt::ino(metadata));
    #[cfg(not(unix))]
    (0, 0)
}
