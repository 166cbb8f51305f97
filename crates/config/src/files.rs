//! Files that settings and arguments name: read whole and bounded, and none may keep its reader waiting for
//! ever. A fifo that nobody writes to, a terminal or `/dev/zero` in their place is an error that says so.

use std::fs::{File, FileType};
use std::io::{self, Error, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// So many bytes a named file holds at most: settings, users, certificates, plans.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// What comes by a pipe comes within this time.
const PIPE_WITHIN: Duration = Duration::from_secs(5);

/// Reads a file. For what is read again while a node runs: pipes and devices are none.
///
/// # Errors
/// It can't be read, is longer than [`FILE_BYTES_MAX`], or is no file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let kind = std::fs::metadata(path)?.file_type();
    if !kind.is_file() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("it is {}, not a file", name(kind)),
        ));
    }
    read_at_most(path, FILE_BYTES_MAX)
}

/// Reads a file of at most `most` bytes. What comes by a pipe (`<(…)` of a shell) or a device (`/dev/null`)
/// will do, too, if it comes to its end in seconds.
///
/// # Errors
/// It can't be read, is longer, or doesn't end.
pub fn read_given(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_dir() {
        return read_at_most(path, most);
    }
    let (sender, receiver) = mpsc::channel();
    let named = path.to_owned();
    // Opening a fifo waits for a writer, and can't be given up: the thread stays behind.
    thread::spawn(move || sender.send(read_at_most(&named, most)));
    receiver.recv_timeout(PIPE_WITHIN).unwrap_or_else(|_| {
        let why = format!(
            "it is {}, and has not come to its end within {} seconds",
            name(kind),
            PIPE_WITHIN.as_secs()
        );
        Err(Error::new(ErrorKind::TimedOut, why))
    })
}

/// As [`read_given`], for a text.
///
/// # Errors
/// As there; or it is not UTF-8.
pub fn text_given(path: &Path, most: u64) -> io::Result<String> {
    let bytes = read_given(path, most)?;
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

fn read_at_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(Error::new(
            ErrorKind::FileTooLarge,
            format!("it is longer than {most} bytes"),
        )),
        false => Ok(bytes),
    }
}

fn name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a fifo"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn why<T: std::fmt::Debug>(read: io::Result<T>) -> String {
        read.unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_file_is_said_and_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert_eq!(why(read(&fifo)), "it is a fifo, not a file");
        assert_eq!(
            why(read_given(&fifo, 10)),
            "it is a fifo, and has not come to its end within 5 seconds"
        );
        // Whoever still waits for the first one would take what is written to it.
        let fifo = folder.path().join("written");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let writer = fifo.clone();
        let writing = thread::spawn(move || std::fs::write(writer, "a secret"));
        assert_eq!(text_given(&fifo, 10).unwrap(), "a secret");
        writing.join().unwrap().unwrap();
        let device = Path::new("/dev/zero");
        assert_eq!(why(read(device)), "it is a device, not a file");
        assert_eq!(why(read_given(device, 10)), "it is longer than 10 bytes");
        assert_eq!(read_given(Path::new("/dev/null"), 10).unwrap(), b"");
        assert_eq!(why(read(folder.path())), "it is a directory, not a file");
        assert!(why(read_given(folder.path(), 10)).contains("irectory"));
        let file = folder.path().join("file");
        std::fs::write(&file, [0xff; 11]).unwrap();
        assert_eq!(why(read_given(&file, 10)), "it is longer than 10 bytes");
        assert_eq!(why(text_given(&file, 11)), "it is not UTF-8");
        assert_eq!(read(&file).unwrap().len(), 11);
    }
}
