//! Single SIP messages sent by hand, and what came back.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static NEXT: AtomicU32 = AtomicU32::new(1);

/// An OPTIONS that nobody has sent before.
pub fn options(from: SocketAddr, transport: &str) -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(
        "OPTIONS sip:ping@ledgerline.example SIP/2.0\r\n\
         Via: SIP/2.0/{transport} {from};branch=z9hG4bK-probe-{number}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:probe@ledgerline.example>;tag=p{number}\r\n\
         To: <sip:ping@ledgerline.example>\r\n\
         Call-ID: probe-{number}-{}@{from}\r\n\
         CSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n",
        std::process::id()
    )
}

/// Sends one OPTIONS over UDP and waits `within` for its answer: the status, if one came.
pub fn options_once(to: &str, within: Duration) -> Option<u16> {
    let to: SocketAddr = to.parse().expect("an address");
    let socket = UdpSocket::bind((if to.is_ipv4() { "127.0.0.1" } else { "::1" }, 0)).expect("a socket");
    let request = options(socket.local_addr().expect("bound"), "UDP");
    let tag = field(request.as_bytes(), "Call-ID").expect("in it");
    socket.connect(to).expect("an address to send to");
    // Nobody may listen yet: a refused port shows at either call.
    socket.send(request.as_bytes()).ok()?;
    datagrams(&socket, within)
        .find(|octets| field(octets, "Call-ID").as_ref() == Some(&tag))
        .and_then(|o| status(&o))
}

/// The datagrams that come within a time.
pub fn datagrams(socket: &UdpSocket, within: Duration) -> impl Iterator<Item = Vec<u8>> + '_ {
    let deadline = Instant::now() + within;
    std::iter::from_fn(move || {
        let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        socket.set_read_timeout(Some(left)).expect("a time");
        let mut octets = vec![0; 65_536];
        let len = socket.recv(&mut octets).ok()?;
        octets.truncate(len);
        Some(octets)
    })
}

/// What a stream brings until it says `enough`, is closed, or `within` is over. The flag: it was closed.
pub fn read_stream(
    stream: &mut TcpStream,
    within: Duration,
    enough: impl Fn(&[u8]) -> bool,
) -> (Vec<u8>, bool) {
    let deadline = Instant::now() + within;
    let mut all = Vec::new();
    let mut piece = [0; 16_384];
    while !enough(&all) {
        let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
        else {
            break;
        };
        stream.set_read_timeout(Some(left)).expect("a time");
        match stream.read(&mut piece) {
            Ok(0) => return (all, true),
            Ok(len) => all.extend_from_slice(&piece[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(_) => return (all, true),
        }
    }
    (all, false)
}

/// Sends one OPTIONS over a new TCP connection: the status, if an answer came within.
pub fn options_over_tcp(to: &str, within: Duration) -> Option<u16> {
    let mut stream = TcpStream::connect(to).ok()?;
    let request = options(stream.local_addr().expect("connected"), "TCP");
    stream.write_all(request.as_bytes()).ok()?;
    let whole = |octets: &[u8]| octets.windows(4).any(|four| four == b"\r\n\r\n");
    status(&read_stream(&mut stream, within, whole).0)
}

/// The status of a response.
pub fn status(octets: &[u8]) -> Option<u16> {
    let line = octets.strip_prefix(b"SIP/2.0 ")?;
    std::str::from_utf8(line.get(..3)?).ok()?.parse().ok()
}

/// The first value of a field.
pub fn field(octets: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(octets);
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_string())
    })
}
