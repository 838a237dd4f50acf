//! Of what is said in calls: word sets, transcripts, agents' pages, recognisers.

use std::time::Duration;

/// Phrases of all sets of one node: five times what the largest sites keep; some 30 MB by sound.
pub const WORD_PHRASES: usize = 50_000;

/// Readings of a text that are followed at once; more differ only in words that no phrase begins with.
pub const WORD_STATES: usize = 16;

/// Characters of a recogniser's segment that are looked at as one; longer ones are several.
pub const WORD_SEGMENT: usize = 400;

/// Segments that a watcher keeps to find phrases across their borders.
pub const WORD_SEGMENTS: usize = 32;

/// Words that policies name and that one call's record keeps: an agent who says more has been found out long before.
pub const SPOKEN: usize = 200;

/// Hits of one party that a recogniser may still correct: the segments that a watcher keeps hold no more in practice.
pub const HITS_OPEN: usize = 64;

/// Marks of one call: plans set a handful.
pub const TAGS: usize = 64;

/// Stretches of one party's speech that a call remembers: eight hours of a sentence every four seconds, as most people never talk.
pub const STRETCHES: usize = 8_000;

/// Texts of one call's transcript.
pub const TRANSCRIPT_LINES: usize = 20_000;

/// Octets of them: some eight hours of Mandarin.
pub const TRANSCRIPT_BYTES: usize = 512 << 10;

/// Cards, texts and hits of one call on an agent's page: nobody reads more while talking.
pub const PAGE_LINES: usize = 30;

/// Connections of agents' pages at one time: two for each of a large floor.
pub const PAGE_CONNECTIONS: usize = 1_024;

/// Of them, of one address: a terminal server's agents share one.
pub const PAGE_CONNECTIONS_OF_ONE: usize = 128;

/// People logged in to their pages.
pub const PAGE_SESSIONS: usize = 1_024;

/// How long a person who is logged in to a page may show no sign of life: an open page shows one every minute.
pub const PAGE_IDLE: Duration = Duration::from_secs(30 * 60);

/// Octets of what a page may post: a name, a password, a code.
pub const PAGE_POST_BYTES: usize = 2_048;

/// Numbers that agents may not see and can call back: a day of a busy house.
pub const VEILS: usize = 20_000;

/// Servers for speech of one node.
pub const RECOGNISERS: usize = 16;

/// Threads of one recogniser within the node: more than any machine of a site can spare.
pub const SPOTTER_THREADS: u32 = 32;

/// Pieces of sound of all streams that wait for one such thread: a second of fifty.
pub const SPOTTER_PIECES: usize = 2_500;

/// Sets of phrases made ready for the spotter that are kept: both parties' of the programs that [`super::LEXICA`] keeps.
pub const WATCHES: usize = 8;

/// Pieces of 20 ms that wait for one stream to a recogniser: two seconds, after which it has fallen behind and is told so.
pub const HEARING: usize = 100;

/// How long a recogniser may take to be reached: a call's first words are not waited for longer.
pub const RECOGNISER_REACHED: Duration = Duration::from_secs(3);

/// How long a stream waits before it tries a recogniser that has failed again; doubled up to [`RECOGNISER_REST_MOST`].
pub const RECOGNISER_REST: Duration = Duration::from_millis(500);

/// The longest such wait.
pub const RECOGNISER_REST_MOST: Duration = Duration::from_secs(15);

/// Octets of one message of a recogniser: a segment of minutes with every character's time.
pub const RECOGNISER_MESSAGE: usize = 256 << 10;
