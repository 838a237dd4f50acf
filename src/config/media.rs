//! `[media]`: how media runs.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::base::bounds;

use super::checked::Check;
use super::written;

/// Fewest media ports that make sense: one call of two legs, RTP and RTCP each.
const FEWEST_PORTS: u16 = 4;

/// Whether something may be.
pub(super) const ON_OFF: [(&str, bool); 2] = [("on", true), ("off", false)];

/// Rates of video that make sense: from a stamp to more than a phone's uplink has.
const VIDEO_KBPS: RangeInclusive<u32> = 64..=50_000;

/// `[media]`: how media runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// UDP ports for RTP and RTCP; begins even, ends odd.
    pub ports: RangeInclusive<u16>,
    /// Threads that relay; `None`: one a core.
    pub workers: Option<usize>,
    /// How packets come from the kernel and go to it.
    pub back_end: BackEnd,
    /// The address that phones send media to when it is not the one that the signalling came to (a NAT in front).
    pub address: Option<IpAddr>,
    /// What held parties hear.
    pub music: Music,
    /// Whether media is encrypted on the way to phones.
    pub srtp: Srtp,
    /// Whether users may see each other; a user and a trunk may have another rule.
    pub video: bool,
    /// Kilobits a second of video that one party may send.
    pub video_kbps: u32,
    /// Whose tones are made.
    pub tones: Tones,
    /// Folder of the site's pieces of spoken values: `zh/d1.wav`, `en/o22.wav`.
    pub prompts: Option<PathBuf>,
}

/// Whose tones are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tones {
    /// `cn`
    #[default]
    China,
    /// `us`
    UnitedStates,
    /// `eu`
    Europe,
}

/// What held parties hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Music {
    /// The switch's own piece.
    Own,
    /// Nothing.
    None,
    /// A WAV file of the site's.
    File(PathBuf),
}

/// Whether media is encrypted on the way to phones (SRTP, keys in SDP: RFC 4568).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Srtp {
    /// Never.
    Off,
    /// With every phone that knows it.
    #[default]
    Optional,
    /// Always: a phone without it is refused.
    Required,
}

impl Srtp {
    /// Every policy by its word.
    pub const WORDS: [(&str, Srtp); 3] =
        [("off", Srtp::Off), ("optional", Srtp::Optional), ("required", Srtp::Required)];

    /// The word of configuration and command line.
    pub const fn word(self) -> &'static str {
        match self {
            Srtp::Off => "off",
            Srtp::Optional => "optional",
            Srtp::Required => "required",
        }
    }
}

/// How the media plane talks to the kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BackEnd {
    /// io_uring where the kernel has it (6.1 and later) and allows it, epoll elsewhere.
    #[default]
    Auto,
    /// epoll, on every kernel.
    Epoll,
    /// io_uring, or no start.
    IoUring,
}

/// Gives the section as written its meaning.
pub(super) fn checked(check: &mut Check<'_>, written: &written::Media) -> Media {
    let address = written.address.as_ref().and_then(|value| match value.get_ref().parse::<IpAddr>() {
        Ok(address) if !address.is_unspecified() => Some(address),
        _ => {
            let hint =
                "the address that phones reach this machine by; leave the key out without a NAT in between";
            check.wrong(value.span(), "not the address of a machine", hint);
            None
        }
    });
    let workers = written.workers.as_ref().map(|value| {
        if !(1..=256).contains(value.get_ref()) {
            check.wrong(
                value.span(),
                "not a number of threads",
                "1 to 256; leave the key out for one a core",
            );
        }
        usize::try_from(*value.get_ref()).unwrap_or(1)
    });
    let music = match written.music.as_ref().map(|value| value.get_ref().as_str()) {
        None | Some("own") => Music::Own,
        Some("none") => Music::None,
        Some(_) => Music::File(check.path(written.music.as_ref(), "")),
    };
    let back_ends = [("auto", BackEnd::Auto), ("epoll", BackEnd::Epoll), ("io_uring", BackEnd::IoUring)];
    let countries = [("cn", Tones::China), ("us", Tones::UnitedStates), ("eu", Tones::Europe)];
    let back_end = check.one_of(written.back_end.as_ref(), &back_ends);
    let tones = check.one_of(written.tones.as_ref(), &countries);
    let prompts = written.prompts.is_some().then(|| check.path(written.prompts.as_ref(), ""));
    let ports = ports(check, written.ports.as_ref());
    let srtp = check.one_of(written.srtp.as_ref(), &Srtp::WORDS);
    let video = written.video.is_none() || check.one_of(written.video.as_ref(), &ON_OFF);
    let video_kbps = written.video_kbps.as_ref().map_or(bounds::VIDEO_KBPS, |value| {
        if !VIDEO_KBPS.contains(value.get_ref()) {
            check.wrong(value.span(), "not a rate of video", "64 to 50000 kilobits a second");
        }
        *value.get_ref()
    });
    Media { ports, workers, back_end, address, music, srtp, video, video_kbps, tones, prompts }
}

fn ports(check: &mut Check<'_>, value: Option<&Spanned<String>>) -> RangeInclusive<u16> {
    let default = 20_000..=29_999;
    let Some(value) = value else { return default };
    let range = value.get_ref().split_once('-').and_then(|(first, last)| {
        Some((first.trim().parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?))
    });
    let Some((first, last)) = range else {
        check.wrong(value.span(), "not a range of ports", r#"for example "20000-29999""#);
        return default;
    };
    if first < 1024 || last < first || last - first + 1 < FEWEST_PORTS {
        check.wrong(value.span(), "not a usable range of ports", "from 1024 upwards, at least 4 ports");
    } else if first % 2 == 1 || last.is_multiple_of(2) {
        let hint = "RTP takes an even port and RTCP the odd one above it (RFC 3550 §11): begin even, end odd";
        check.wrong(value.span(), "ports come in pairs", hint);
    }
    first..=last
}
