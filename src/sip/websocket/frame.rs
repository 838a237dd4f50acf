//! Frames of RFC 6455 §5: the client's are masked, the server's are not.

use bytes::{Bytes, BytesMut};

use crate::base::bounds;

/// The longest payload of a frame, and of a message of several.
pub(super) const LIMIT: usize = bounds::MESSAGE_BYTES;

/// RFC 6455 §5.5: control frames are never longer.
const CONTROL_LIMIT: usize = 125;

/// What a frame is (RFC 6455 §11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const ALL: [(u8, Opcode); 6] = [
        (0x0, Opcode::Continuation),
        (0x1, Opcode::Text),
        (0x2, Opcode::Binary),
        (0x8, Opcode::Close),
        (0x9, Opcode::Ping),
        (0xa, Opcode::Pong),
    ];

    fn of(nibble: u8) -> Option<Opcode> {
        Opcode::ALL.iter().find(|(number, _)| *number == nibble).map(|(_, opcode)| *opcode)
    }

    fn number(self) -> u8 {
        Opcode::ALL.iter().find(|(_, opcode)| *opcode == self).map_or(0, |(number, _)| *number)
    }

    const fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// Why the server closes (RFC 6455 §7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The peer closed.
    Normal,
    /// The peer broke the protocol.
    Protocol,
    /// A message longer than [`bounds::MESSAGE_BYTES`].
    TooBig,
}

impl Close {
    /// The frame that says so.
    pub fn frame(self) -> Bytes {
        let code: u16 = match self {
            Close::Normal => 1_000,
            Close::Protocol => 1_002,
            Close::TooBig => 1_009,
        };
        write(Opcode::Close, &code.to_be_bytes())
    }
}

/// One frame of the client's, unmasked.
#[derive(Debug)]
pub(super) struct Frame {
    pub is_last: bool,
    pub opcode: Opcode,
    pub payload: BytesMut,
}

impl Frame {
    /// Takes a whole frame off the front of `buffer`.
    ///
    /// # Errors
    /// Why the connection is to be closed: reserved bits or opcodes, no mask, a control frame that is long or in pieces, too long.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Frame>, Close> {
        let &[first, second, ..] = &buffer[..] else { return Ok(None) };
        let opcode = Opcode::of(first & 0x0f).ok_or(Close::Protocol)?;
        let (is_last, is_masked) = (first & 0x80 != 0, second & 0x80 != 0);
        let brief = usize::from(second & 0x7f);
        if first & 0x70 != 0 || !is_masked || (opcode.is_control() && (!is_last || brief > CONTROL_LIMIT)) {
            return Err(Close::Protocol);
        }
        let extended = match brief {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(length) = buffer.get(2..2 + extended) else { return Ok(None) };
        let length = match extended {
            0 => brief,
            _ => {
                let wide = length.iter().fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet));
                usize::try_from(wide).ok().filter(|length| *length <= LIMIT).ok_or(Close::TooBig)?
            }
        };
        let head = 2 + extended + 4;
        if buffer.len() < head + length {
            return Ok(None);
        }
        let head = buffer.split_to(head);
        let mask = head.get(2 + extended..).unwrap_or(&[]);
        let mut payload = buffer.split_to(length);
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(octet, mask)| *octet ^= mask);
        Ok(Some(Frame { is_last, opcode, payload }))
    }
}

/// A frame of the server's: whole, without a mask.
pub(super) fn write(opcode: Opcode, payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    frame.push(0x80 | opcode.number());
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(brief @ 0..=125), _) => frame.push(brief),
        (_, Ok(length)) => {
            frame.push(126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    Bytes::from(frame)
}
