//! Encryption and authentication of single packets with session keys.

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use aes::{Aes128, Aes256};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm, Nonce, Tag};
use ctr::{CtrCore, flavors};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::derive::{Label, derive};
use super::{Master, Rejected};

/// Octets of an RTP header without contributing sources.
const HEADER: usize = 12;
/// Octets of an RTCP packet that stay readable: its first header and the sender.
const RTCP_HEADER: usize = 8;
/// The RTCP index with the bit that says "encrypted".
const INDEX: usize = 4;
const ENCRYPTED: u32 = 0x8000_0000;
/// Octets of an RTCP packet's HMAC, in every suite that has one.
const RTCP_MAC: usize = 10;

/// What of an RTP header the transforms need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub seq: u16,
    pub ssrc: u32,
    /// Octets up to the payload: contributing sources and extension stay readable.
    len: usize,
}

impl Head {
    /// `None` for what is no RTP packet, or shorter than its header says.
    pub(super) fn read(packet: &[u8]) -> Option<Head> {
        let header: &[u8; HEADER] = packet.first_chunk()?;
        if header[0] >> 6 != 2 {
            return None;
        }
        let mut len = HEADER + 4 * usize::from(header[0] & 0x0f);
        if header[0] & 0x10 != 0 {
            let words: [u8; 2] = *packet.get(len + 2..)?.first_chunk()?;
            len += 4 + 4 * usize::from(u16::from_be_bytes(words));
        }
        let seq = u16::from_be_bytes([header[2], header[3]]);
        let ssrc = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        (packet.len() >= len).then_some(Head { seq, ssrc, len })
    }
}

/// The session keys of one direction, for RTP or for RTCP.
pub(super) struct Keys {
    cipher: Cipher,
    /// Left-aligned; GCM's is twelve octets.
    salt: [u8; 14],
    /// Octets of the tag.
    tag: usize,
}

enum Cipher {
    Cm128(Box<(Aes128, Hmac<Sha1>)>),
    Cm256(Box<(Aes256, Hmac<Sha1>)>),
    Gcm128(Box<Aes128Gcm>),
    Gcm256(Box<Aes256Gcm>),
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    pub(super) fn rtp(master: &Master) -> Keys {
        let labels = [Label::RtpCipher, Label::RtpAuthentication, Label::RtpSalt];
        Keys::new(master, labels, master.suite().tag_bytes())
    }

    pub(super) fn rtcp(master: &Master) -> Keys {
        let labels = [Label::RtcpCipher, Label::RtcpAuthentication, Label::RtcpSalt];
        let tag = if master.suite().is_aead() { master.suite().tag_bytes() } else { RTCP_MAC };
        Keys::new(master, labels, tag)
    }

    fn new(master: &Master, [cipher, authentication, salting]: [Label; 3], tag: usize) -> Keys {
        let suite = master.suite();
        let key = derive(master, cipher, suite.key_bytes());
        let mut short = [0; 16];
        short.copy_from_slice(&key[..16]);
        let mut long = [0; 32];
        long[..key.len()].copy_from_slice(&key);
        let mac = || {
            let key = derive(master, authentication, 20);
            let mut block = [0; 64];
            block[..20].copy_from_slice(&key);
            // A key of one block is the key itself, padded (RFC 2104).
            Hmac::<Sha1>::new(&block.into())
        };
        let cipher = match (suite.is_aead(), suite.key_bytes()) {
            (true, 16) => Cipher::Gcm128(Box::new(Aes128Gcm::new(&short.into()))),
            (true, _) => Cipher::Gcm256(Box::new(Aes256Gcm::new(&long.into()))),
            (false, 16) => Cipher::Cm128(Box::new((Aes128::new(&short.into()), mac()))),
            (false, _) => Cipher::Cm256(Box::new((Aes256::new(&long.into()), mac()))),
        };
        zeroize::Zeroize::zeroize(&mut short);
        zeroize::Zeroize::zeroize(&mut long);
        let mut salt = [0; 14];
        let derived = derive(master, salting, suite.salt_bytes());
        salt[..derived.len()].copy_from_slice(&derived);
        Keys { cipher, salt, tag }
    }

    pub(super) fn protect(&self, buffer: &mut [u8], len: usize, head: &Head, index: u64) -> Option<usize> {
        let end = len + self.tag;
        let (packet, rest) = buffer.get_mut(..end)?.split_at_mut(len);
        let (header, payload) = packet.split_at_mut(head.len);
        if let Some(tag) = self.seal(gcm_iv(head.ssrc, index, 0), header, payload) {
            rest.copy_from_slice(&tag?);
        } else {
            self.encrypt(head.ssrc, index, payload);
            let mac = self.mac(packet, &((index >> 16) as u32).to_be_bytes());
            rest.copy_from_slice(mac.get(..self.tag)?);
        }
        Some(end)
    }

    pub(super) fn open(&self, datagram: &mut [u8], head: &Head, index: u64) -> Result<usize, Rejected> {
        let len = datagram.len().checked_sub(self.tag).filter(|len| *len >= head.len);
        let (packet, tag) = datagram.split_at_mut(len.ok_or(Rejected::Malformed)?);
        let len = packet.len();
        if let Some(opened) = {
            let (header, payload) = packet.split_at_mut(head.len);
            self.unseal(gcm_iv(head.ssrc, index, 0), header, payload, tag)
        } {
            return if opened { Ok(len) } else { Err(Rejected::Forged) };
        }
        let mac = self.mac(packet, &((index >> 16) as u32).to_be_bytes());
        if !bool::from(mac[..self.tag].ct_eq(tag)) {
            return Err(Rejected::Forged);
        }
        self.encrypt(head.ssrc, index, &mut packet[head.len..]);
        Ok(len)
    }

    pub(super) fn protect_rtcp(&self, buffer: &mut [u8], len: usize, index: u32) -> Option<usize> {
        let end = len + self.tag + INDEX;
        let word = (index | ENCRYPTED).to_be_bytes();
        let (packet, rest) = buffer.get_mut(..end)?.split_at_mut(len);
        let (header, payload) = packet.split_at_mut_checked(RTCP_HEADER)?;
        let ssrc = u32::from_be_bytes(*header.last_chunk()?);
        let mut readable = [0; RTCP_HEADER + INDEX];
        readable[..RTCP_HEADER].copy_from_slice(header);
        readable[RTCP_HEADER..].copy_from_slice(&word);
        if let Some(tag) = self.seal(gcm_iv(ssrc, 0, index), &readable, payload) {
            rest[..self.tag].copy_from_slice(&tag?);
            rest[self.tag..].copy_from_slice(&word);
        } else {
            self.encrypt(ssrc, index.into(), payload);
            let mac = self.mac(packet, &word);
            rest[..INDEX].copy_from_slice(&word);
            rest[INDEX..].copy_from_slice(mac.get(..self.tag)?);
        }
        Some(end)
    }

    /// Sender and index of a protected RTCP packet.
    pub(super) fn rtcp_index(&self, datagram: &[u8]) -> Option<(u32, u32)> {
        let header: &[u8; RTCP_HEADER] = datagram.first_chunk()?;
        if header[0] >> 6 != 2 || datagram.len() < RTCP_HEADER + INDEX + self.tag {
            return None;
        }
        let ssrc = u32::from_be_bytes(*header.last_chunk()?);
        let word = u32::from_be_bytes(*datagram.get(self.word(datagram.len())?..)?.first_chunk()?);
        Some((ssrc, word & !ENCRYPTED))
    }

    /// Where the index stands: before the HMAC, or behind the tag of GCM (RFC 7714 §9.2).
    fn word(&self, len: usize) -> Option<usize> {
        match self.cipher {
            Cipher::Gcm128(_) | Cipher::Gcm256(_) => len.checked_sub(INDEX),
            _ => len.checked_sub(INDEX + self.tag),
        }
    }

    pub(super) fn open_rtcp(&self, datagram: &mut [u8], ssrc: u32, index: u32) -> Result<usize, Rejected> {
        let at = self.word(datagram.len()).ok_or(Rejected::Malformed)?;
        let word: [u8; INDEX] =
            datagram.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(Rejected::Malformed)?;
        // Every suite that is negotiated encrypts reports; a readable one is nobody's.
        if word[0] & 0x80 == 0 {
            return Err(Rejected::Forged);
        }
        let len = datagram.len() - INDEX - self.tag;
        let (packet, rest) = datagram.split_at_mut(len);
        let (header, payload) = packet.split_at_mut_checked(RTCP_HEADER).ok_or(Rejected::Malformed)?;
        let mut readable = [0; RTCP_HEADER + INDEX];
        readable[..RTCP_HEADER].copy_from_slice(header);
        readable[RTCP_HEADER..].copy_from_slice(&word);
        if let Some(opened) =
            self.unseal(gcm_iv(ssrc, 0, index), &readable, payload, &rest[..self.tag.min(16)])
        {
            return if opened { Ok(len) } else { Err(Rejected::Forged) };
        }
        let mac = self.mac(packet, &word);
        if !bool::from(mac[..self.tag].ct_eq(&rest[INDEX..])) {
            return Err(Rejected::Forged);
        }
        self.encrypt(ssrc, index.into(), &mut packet[RTCP_HEADER..]);
        Ok(len)
    }

    /// Counter mode (RFC 3711 §4.1.1), which is its own inverse.
    fn encrypt(&self, ssrc: u32, index: u64, payload: &mut [u8]) {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        for (octet, of) in iv[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
            *octet ^= of;
        }
        for (octet, of) in iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *octet ^= of;
        }
        match &self.cipher {
            Cipher::Cm128(keys) => count(&keys.0, iv, payload),
            Cipher::Cm256(keys) => count(&keys.0, iv, payload),
            Cipher::Gcm128(_) | Cipher::Gcm256(_) => {}
        }
    }

    fn mac(&self, packet: &[u8], behind: &[u8]) -> [u8; 20] {
        let mut mac = match &self.cipher {
            Cipher::Cm128(keys) => keys.1.clone(),
            Cipher::Cm256(keys) => keys.1.clone(),
            Cipher::Gcm128(_) | Cipher::Gcm256(_) => return [0; 20],
        };
        mac.update(packet);
        mac.update(behind);
        mac.finalize().into_bytes().into()
    }

    fn nonce(&self, iv: [u8; 12]) -> [u8; 12] {
        let mut nonce = iv;
        for (octet, salt) in nonce.iter_mut().zip(self.salt) {
            *octet ^= salt;
        }
        nonce
    }

    /// Encrypts under GCM: `None` when the suite is another; the inner `None` cannot be (a datagram is short).
    fn seal(&self, iv: [u8; 12], readable: &[u8], payload: &mut [u8]) -> Option<Option<[u8; 16]>> {
        let nonce = Nonce::from(self.nonce(iv));
        let sealed = match &self.cipher {
            Cipher::Gcm128(key) => key.encrypt_inout_detached(&nonce, readable, payload.into()),
            Cipher::Gcm256(key) => key.encrypt_inout_detached(&nonce, readable, payload.into()),
            Cipher::Cm128(..) | Cipher::Cm256(..) => return None,
        };
        Some(sealed.ok().map(Into::into))
    }

    /// Decrypts under GCM: `None` when the suite is another.
    fn unseal(&self, iv: [u8; 12], readable: &[u8], payload: &mut [u8], tag: &[u8]) -> Option<bool> {
        let nonce = Nonce::from(self.nonce(iv));
        let tag = tag.first_chunk::<16>().map(|tag| Tag::from(*tag));
        let opened = match (&self.cipher, tag) {
            (Cipher::Cm128(..) | Cipher::Cm256(..), _) => return None,
            (_, None) => return Some(false),
            (Cipher::Gcm128(key), Some(tag)) => {
                key.decrypt_inout_detached(&nonce, readable, payload.into(), &tag)
            }
            (Cipher::Gcm256(key), Some(tag)) => {
                key.decrypt_inout_detached(&nonce, readable, payload.into(), &tag)
            }
        };
        Some(opened.is_ok())
    }
}

/// Adds the key stream of `key` from `iv` on. It ends after 2^128 blocks: no packet comes near.
fn count<C>(key: &C, iv: [u8; 16], payload: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let core = CtrCore::<&C, flavors::Ctr128BE>::inner_iv_init(key, &iv.into());
    let _ = StreamCipherCoreWrapper::from_core(core).try_apply_keystream(payload);
}

/// The nonce of GCM before the salt: RFC 7714 §8.1 for RTP (48 bits of `index`), §9.1 for RTCP (`report`).
fn gcm_iv(ssrc: u32, index: u64, report: u32) -> [u8; 12] {
    let mut iv = [0; 12];
    iv[2..6].copy_from_slice(&ssrc.to_be_bytes());
    let number = index | u64::from(report);
    iv[6..].copy_from_slice(&number.to_be_bytes()[2..]);
    iv
}
