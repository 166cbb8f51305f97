//! The system calls on sockets that only Linux has, each with a portable form beside it. On Linux the tests
//! run both forms.

#[cfg(target_os = "linux")]
pub use self::linux::{send_file, send_vectored};
#[cfg(not(target_os = "linux"))]
pub use self::portable::{send_file, send_vectored};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::{self, IoSlice};
    use std::os::fd::BorrowedFd;

    use rustix::net::{SendAncillaryBuffer, SendFlags};

    /// Bytes moved by one `sendfile`. 64 KiB exactly is a cliff on loopback, a little less is not.
    const SENDFILE_MAX: usize = 60 * 1024;

    /// Sends what a socket takes of a file's `len` bytes from `position` on, without their passing through
    /// user memory; 0 means that the file ends there.
    ///
    /// # Errors
    /// The system's; `WouldBlock` when the socket takes nothing.
    pub fn send_file(socket: BorrowedFd<'_>, file: &File, position: u64, len: usize) -> io::Result<usize> {
        let mut position = position;
        let len = len.min(SENDFILE_MAX);
        Ok(rustix::fs::sendfile(socket, file, Some(&mut position), len)?)
    }

    /// Sends what a socket takes of `buffers`. `more` says that the rest of the frame follows at once, so
    /// that a header and the file range after it share a segment.
    ///
    /// # Errors
    /// The system's; `WouldBlock` when the socket takes nothing.
    pub fn send_vectored(socket: BorrowedFd<'_>, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::MORE, more);
        // One buffer is what most answers are, and costs the kernel less by itself.
        if let [buffer] = buffers {
            return Ok(rustix::net::send(socket, buffer, flags)?);
        }
        let mut ancillary = SendAncillaryBuffer::default();
        Ok(rustix::net::sendmsg(socket, buffers, &mut ancillary, flags)?)
    }
}

#[cfg(any(not(target_os = "linux"), test))]
mod portable {
    use std::fs::File;
    use std::io::{self, IoSlice};
    use std::os::fd::BorrowedFd;
    use std::os::unix::fs::FileExt;

    /// Bytes that pass through user memory at a time.
    const COPIED_MAX: usize = 64 * 1024;

    /// Sends what a socket takes of a file's `len` bytes from `position` on; 0 means that the file ends
    /// there.
    ///
    /// # Errors
    /// The system's; `WouldBlock` when the socket takes nothing.
    pub fn send_file(socket: BorrowedFd<'_>, file: &File, position: u64, len: usize) -> io::Result<usize> {
        let mut buffer = vec![0; len.min(COPIED_MAX)];
        let read = file.read_at(&mut buffer, position)?;
        if read == 0 {
            return Ok(0);
        }
        Ok(rustix::io::write(socket, &buffer[..read])?)
    }

    /// Sends what a socket takes of `buffers`.
    ///
    /// # Errors
    /// The system's; `WouldBlock` when the socket takes nothing.
    pub fn send_vectored(socket: BorrowedFd<'_>, buffers: &[IoSlice<'_>], _more: bool) -> io::Result<usize> {
        Ok(rustix::io::writev(socket, buffers)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{self, IoSlice, Read, Write};
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::net::UnixStream;

    use super::{portable, send_file, send_vectored};

    type SendFile = fn(BorrowedFd<'_>, &File, u64, usize) -> io::Result<usize>;
    type SendVectored = fn(BorrowedFd<'_>, &[IoSlice<'_>], bool) -> io::Result<usize>;

    #[test]
    fn both_forms_send_a_files_range_and_tell_its_end() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        for send in [send_file as SendFile, portable::send_file as SendFile] {
            let (here, mut there) = UnixStream::pair().unwrap();
            assert_eq!(send(here.as_fd(), &file, 3, 5).unwrap(), 5);
            assert_eq!(send(here.as_fd(), &file, 10, 5).unwrap(), 0);
            drop(here);
            let mut received = Vec::new();
            there.read_to_end(&mut received).unwrap();
            assert_eq!(received, b"34567");
        }
    }

    #[test]
    fn both_forms_say_when_the_socket_takes_nothing() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        for send in [send_file as SendFile, portable::send_file as SendFile] {
            let (here, _there) = UnixStream::pair().unwrap();
            here.set_nonblocking(true).unwrap();
            let ended = (0..1000).find_map(|_| send(here.as_fd(), &file, 0, 1 << 20).err());
            assert_eq!(ended.unwrap().kind(), io::ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn both_forms_send_buffers_in_order() {
        for send in [
            send_vectored as SendVectored,
            portable::send_vectored as SendVectored,
        ] {
            let (here, mut there) = UnixStream::pair().unwrap();
            let buffers = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cd")];
            assert_eq!(send(here.as_fd(), &buffers, true).unwrap(), 4);
            assert_eq!(send(here.as_fd(), &[IoSlice::new(b"ef")], false).unwrap(), 2);
            drop(here);
            let mut received = Vec::new();
            there.read_to_end(&mut received).unwrap();
            assert_eq!(received, b"abcdef");
        }
    }
}
