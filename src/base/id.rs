//! Identifiers that are unique over all nodes and sort by time (ULID), so that nodes can be joined later.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::{Random, Wall};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// A new identifier: 48 bits of `now` in milliseconds, 80 random bits.
            pub fn new(now: Wall, random: &mut Random) -> Self {
                let ms = u64::try_from(now.as_micros() / 1_000).unwrap_or(0);
                let bits = (u128::from(random.next_u64()) << 16) | u128::from(random.next_u32() & 0xffff);
                $name(Ulid::from_parts(ms, bits))
            }

            /// The identifier as 16 octets, most significant first.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_bytes()
            }

            /// From 16 octets, most significant first.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                $name(Ulid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let ulid = text.strip_prefix($prefix).ok_or(NotAnId)?;
                Ulid::from_string(ulid).map($name).map_err(|_| NotAnId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// One call, from its first INVITE to its last BYE: `c-01J…`.
    CallId,
    "c-"
);
id!(
    /// One recording: `r-01J…`.
    RecordingId,
    "r-"
);
id!(
    /// One item derived from a recording: `d-01J…`.
    ItemId,
    "d-"
);
id!(
    /// One human being, however many accounts they have: `p-01J…`.
    PersonId,
    "p-"
);
id!(
    /// One act that waits for other people's approval: `a-01J…`.
    MotionId,
    "a-"
);

/// One leg of a call, counted from 0 (the caller) within its call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegId(pub u16);

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg{}", self.0)
    }
}

impl fmt::Debug for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One prompt's sound: the first 64 bits of the SHA-256 of its file, so that a prompt that changes is another prompt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PromptId(pub u64);

/// The text is not an identifier of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of this kind")]
pub struct NotAnId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text_and_bytes_and_is_of_one_kind() {
        let id = CallId::new(Wall::from_micros(1_795_337_972_120_000), &mut Random::from_number(3));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(CallId::from_bytes(id.to_bytes()), id);
        assert_eq!(id.to_string().parse::<RecordingId>(), Err(NotAnId));
        assert_eq!("../../etc/passwd".parse::<CallId>(), Err(NotAnId));
    }

    #[test]
    fn ids_sort_by_time() {
        let mut random = Random::from_number(3);
        let early = CallId::new(Wall::from_micros(1_000_000), &mut random);
        let late = CallId::new(Wall::from_micros(2_000_000), &mut random);
        assert!(early < late);
    }
}
