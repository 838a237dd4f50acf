//! What one party says of its video or fax, as the other is told it.
//!
//! Invariant: nothing that belongs to one hop is passed on, and no rate above the node's own.

use crate::base::bounds;
use crate::sdp::{Direction, Media};

/// Attributes that belong to one hop: addresses, keys, and what is negotiated about them. They are never passed on.
const OF_ONE_HOP: &[&str] = &[
    "bundle-only",
    "candidate",
    "connection",
    "crypto",
    "end-of-candidates",
    "fingerprint",
    "ice-lite",
    "ice-options",
    "ice-pwd",
    "ice-ufrag",
    "key-mgmt",
    "mid",
    "msid",
    "rtcp",
    "rtcp-mux",
    "rtcp-mux-only",
    "setup",
    "ssrc",
    "ssrc-group",
    "tls-id",
];

/// What one party says of a strand, as the other is told it: formats, parameters and feedback as they are, in the clear profile, its rate
/// within `most_kbps` (RFC 8866 §5.8).
pub(super) fn carried(media: &Media, most_kbps: u32) -> Media {
    let protocol = match media.protocol.to_ascii_uppercase().as_str() {
        "RTP/SAVP" => "RTP/AVP".to_string(),
        "RTP/SAVPF" => "RTP/AVPF".to_string(),
        _ => media.protocol.clone(),
    };
    let mut told = Media::new(media.kind.clone(), 0, protocol);
    told.formats = media.formats.clone();
    let own = |name: &str| OF_ONE_HOP.contains(&name) || Direction::of(name).is_some();
    let attributes = media.attributes.iter().filter(|attribute| !own(&attribute.name));
    told.attributes = attributes.take(bounds::STRAND_ATTRIBUTES).cloned().collect();
    if media.is_rtp() {
        told.lines = rates(media, most_kbps);
    }
    told
}

/// The `b=` lines of a media section, none above `most_kbps`.
fn rates(media: &Media, most_kbps: u32) -> Vec<(char, String)> {
    let said = |kind: &str| {
        let lines = media.lines.iter().filter(|(letter, _)| *letter == 'b');
        lines.filter_map(|(_, line)| line.strip_prefix(kind)?.strip_prefix(':')?.trim().parse().ok()).next()
    };
    let rate_kbps = said("AS").map_or(most_kbps, |kbps: u32| kbps.min(most_kbps));
    let rate_bps: Option<u32> = said("TIAS").map(|bps: u32| bps.min(most_kbps.saturating_mul(1_000)));
    let tias = rate_bps.map(|bps| ('b', format!("TIAS:{bps}")));
    std::iter::once(('b', format!("AS:{rate_kbps}"))).chain(tias).collect()
}

/// Whether every format of `told` is one of `said`; `strictly`: under the same number, too.
pub(super) fn fits(told: &Media, said: &Media, strictly: bool) -> bool {
    let name = |media: &Media, pt: u8| {
        let map = media.rtpmap(pt).map(|map| format!("{}/{}", map.encoding, map.clock).to_ascii_uppercase());
        map.unwrap_or_else(|| pt.to_string())
    };
    let known = |pt: u8| {
        let mut others = said.payload_types().filter(|other| !strictly || *other == pt);
        others.any(|other| name(said, other) == name(told, pt))
    };
    if !told.is_rtp() { told.kind == said.kind } else { told.payload_types().all(known) }
}
