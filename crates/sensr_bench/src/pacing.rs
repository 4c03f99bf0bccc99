//! Limit of the speed at which the kernel sends, as a network has one.

use std::io;
use std::os::fd::AsRawFd;

use uapi::c;

/// Limits the speed of a socket, in Mbit/s. The kernel spaces the packets by itself (`SO_MAX_PACING_RATE`), so that
/// they arrive spread over time as from a network, instead of all at once as on the loopback interface.
pub fn limit_speed(socket: &impl AsRawFd, mbit: u32) -> io::Result<()> {
    let bytes_per_second = u64::from(mbit) * 1_000_000 / 8;
    uapi::setsockopt(
        socket.as_raw_fd(),
        c::SOL_SOCKET,
        c::SO_MAX_PACING_RATE,
        &bytes_per_second,
    )
    .map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn kernel_keeps_the_limit_in_bytes_per_second() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        limit_speed(&socket, 1000).unwrap();
        let mut kept = 0u64;
        let fd = socket.as_raw_fd();
        uapi::getsockopt(fd, c::SOL_SOCKET, c::SO_MAX_PACING_RATE, &mut kept).unwrap();
        assert_eq!(kept, 125_000_000);
    }
}
