//! The opening handshake (RFC 6455 §4.2, RFC 7118 §4): a GET that asks for `websocket` and the subprotocol `sip`.

use bytes::{Bytes, BytesMut};
use sha1::{Digest, Sha1};

use crate::base::bounds;

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Takes a whole request off the front of `buffer`: the answer, or the refusal to close with. `None`: it is not whole yet.
pub(super) fn take(buffer: &mut BytesMut) -> Option<Result<Bytes, Bytes>> {
    let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") else {
        return (buffer.len() > bounds::HANDSHAKE_BYTES)
            .then(|| Err(refusal("431 Request Header Fields Too Large", "")));
    };
    let head = buffer.split_to(end + 4);
    Some(std::str::from_utf8(&head).map_err(|_| refusal("400 Bad Request", "")).and_then(answer))
}

fn answer(head: &str) -> Result<Bytes, Bytes> {
    let mut lines = head.split("\r\n");
    let request: Vec<&str> = lines.next().unwrap_or("").split(' ').collect();
    if !matches!(request[..], ["GET", _, "HTTP/1.1"]) {
        return Err(refusal("400 Bad Request", ""));
    }
    let fields: Vec<(&str, &str)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim())).collect();
    let values = |name: &'static str| {
        fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    };
    let lists = |name, word: &str| {
        values(name).flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
    };
    if !lists("Upgrade", "websocket") || !lists("Connection", "upgrade") || values("Host").count() != 1 {
        return Err(refusal("426 Upgrade Required", "Upgrade: websocket\r\nConnection: Upgrade\r\n"));
    }
    if values("Sec-WebSocket-Version").collect::<Vec<_>>() != ["13"] {
        return Err(refusal("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n"));
    }
    let keys: Vec<&str> = values("Sec-WebSocket-Key").collect();
    let [key] = keys[..] else { return Err(refusal("400 Bad Request", "")) };
    let is_nonce = key.len() == 24 && key.ends_with("==");
    if !is_nonce || !lists("Sec-WebSocket-Protocol", "sip") {
        return Err(refusal("400 Bad Request", ""));
    }
    let text = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
        accept(key)
    );
    Ok(Bytes::from(text))
}

fn refusal(status: &str, fields: &str) -> Bytes {
    Bytes::from(format!("HTTP/1.1 {status}\r\n{fields}Content-Length: 0\r\nConnection: close\r\n\r\n"))
}

/// RFC 6455 §4.2.2 item 5.4.
fn accept(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    base64(&hash.finalize())
}

/// RFC 4648 §4.
fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for group in octets.chunks(3) {
        let at = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let six = (bits >> (18 - 6 * i)) & 0x3f;
            let is_padding = i > group.len();
            text.push(if is_padding { '=' } else { char::from(ALPHABET[six as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (clear, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(clear.as_bytes()), text);
        }
    }

    #[test]
    fn the_accept_value_is_that_of_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
